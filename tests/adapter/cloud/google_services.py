"""Local servers that speak the gRPC services of Google's own libraries, and a token endpoint.

The messages are the libraries' own; what a server answers, and how it misbehaves, is a
function that the test gives.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

import grpc
import trustme
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.cloud import texttospeech_v1, vision_v1
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

ANNOTATE = "/google.cloud.vision.v1.ImageAnnotator/BatchAnnotateImages"
SYNTHESIZE = "/google.cloud.texttospeech.v1.TextToSpeech/SynthesizeSpeech"
LIST_VOICES = "/google.cloud.texttospeech.v1.TextToSpeech/ListVoices"
REQUESTS = {
    ANNOTATE: vision_v1.BatchAnnotateImagesRequest,
    SYNTHESIZE: texttospeech_v1.SynthesizeSpeechRequest,
    LIST_VOICES: texttospeech_v1.ListVoicesRequest,
}


@dataclass(frozen=True)
class Asked:
    """One call: the method, its request in the library's type, and what came beside it."""

    method: str
    request: object
    metadata: dict[str, str]


@dataclass
class GoogleServices(grpc.GenericRpcHandler):
    """Answers by ``answer(method, request, context)``, in messages or in raw bytes."""

    answer: Callable[[str, object, grpc.ServicerContext], object]
    asked: list[Asked] = field(default_factory=list)

    def service(self, details):
        kind = REQUESTS.get(details.method)
        if kind is None:
            return None

        def run(data: bytes, context: grpc.ServicerContext) -> bytes:
            request = kind.deserialize(data)
            metadata = dict(context.invocation_metadata())
            self.asked.append(Asked(details.method, request, metadata))
            response = self.answer(details.method, request, context)
            return response if isinstance(response, bytes) else type(response).serialize(response)

        return grpc.unary_unary_rpc_method_handler(run)


def refusing(status: grpc.StatusCode, message: str = "no", times: int = 10**9, then=None):
    """An answer that is a failure, *times* times; afterwards what *then* answers."""
    left = [times]

    def answer(method, request, context):
        if left[0]:
            left[0] -= 1
            context.abort(status, message)
        return then(method, request, context)

    return answer


def out_of_quota(pause_s: int):
    """RESOURCE_EXHAUSTED with the details that Google sends: when to come back."""

    def answer(method, request, context):
        info = error_details_pb2.RetryInfo()
        info.retry_delay.seconds = pause_s
        status = status_pb2.Status(code=8, message="Quota exceeded for project 123")
        status.details.add().Pack(info)
        context.abort_with_status(rpc_status.to_status(status))

    return answer


def never(method, request, context):
    """No answer before the caller gives up."""
    given_up = threading.Event()
    context.add_callback(given_up.set)
    given_up.wait()


@contextmanager
def serving(
    handler: grpc.GenericRpcHandler,
    credentials: grpc.ServerCredentials | None = None,
    address: str = "127.0.0.1:0",
) -> Iterator[str]:
    """Serve until the block ends, over TLS where there are *credentials*; gives host and port."""
    with ThreadPoolExecutor(8) as pool:
        server = grpc.server(pool, handlers=[handler])
        if credentials is None:
            port = server.add_insecure_port(address)
        else:
            port = server.add_secure_port(address, credentials)
        server.start()
        try:
            yield f"localhost:{port}"
        finally:
            server.stop(None).wait()


@dataclass
class Authority:
    """A certificate authority of our own, and a server's credentials signed by it."""

    pem: Path
    server: grpc.ServerCredentials

    @classmethod
    def make(cls, folder: Path) -> Authority:
        authority = trustme.CA()
        certificate = authority.issue_cert("localhost")
        pem = folder / "ca.pem"
        authority.cert_pem.write_to_path(str(pem))
        chain = b"".join(blob.bytes() for blob in certificate.cert_chain_pems)
        pair = (certificate.private_key_pem.bytes(), chain)
        return cls(pem, grpc.ssl_server_credentials([pair]))


@dataclass
class TokenEndpoint:
    """OAuth's token endpoint: each token is new; *status* other than 200 refuses."""

    url: str = ""
    status: int = 200
    lifetime_s: int = 3600
    assertions: list[str] = field(default_factory=list)

    @contextmanager
    def running(self) -> Iterator[TokenEndpoint]:
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                endpoint.assertions.extend(parse_qs(body)["assertion"])
                answer = endpoint.answer()
                self.send_response(endpoint.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        with answering(Handler) as port:
            self.url = f"http://127.0.0.1:{port}/token"
            yield self

    def answer(self) -> bytes:
        if self.status != 200:
            refused = {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}
            return json.dumps(refused).encode()
        token = f"token-{len(self.assertions)}"
        return json.dumps(
            {"access_token": token, "expires_in": self.lifetime_s, "token_type": "Bearer"}
        ).encode()


@dataclass(frozen=True)
class ServiceAccount:
    """A service account's key file as Google gives it out, with a key of our own."""

    file: Path
    key: rsa.RSAPrivateKey

    @classmethod
    def make(cls, folder: Path, token_uri: str) -> ServiceAccount:
        key = rsa.generate_private_key(65537, 2048)
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        file = folder / "service-account.json"
        account = {
            "type": "service_account",
            "project_id": "easel-test",
            "private_key_id": "1",
            "private_key": pem.decode(),
            "client_email": "adapter@easel-test.iam.gserviceaccount.com",
            "client_id": "1",
            "token_uri": token_uri,
        }
        file.write_text(json.dumps(account))
        return cls(file, key)


@dataclass
class MetadataServer:
    """What a machine at Google is told about itself, and where it gets its tokens."""

    host: str = ""
    asked: list[str] = field(default_factory=list)

    @contextmanager
    def running(self) -> Iterator[MetadataServer]:
        asked = self.asked

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                body = _metadata(self.path.partition("?")[0])
                self.send_response(404 if body is None else 200)
                self.send_header("Metadata-Flavor", "Google")
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, *_: object) -> None:
                pass

        with answering(Handler) as port:
            self.host = f"127.0.0.1:{port}"
            yield self


def _metadata(path: str) -> bytes | None:
    account = "/computeMetadata/v1/instance/service-accounts/default/"
    if path == "/":
        return b"computeMetadata/"
    if path == "/computeMetadata/v1/project/project-id":
        return b"easel-test"
    if path == account:
        return json.dumps(
            {"email": "machine@easel-test.example", "scopes": [], "aliases": []}
        ).encode()
    if path.startswith(account) and path.endswith("token"):
        token = {"access_token": "token-of-the-machine", "expires_in": 3600, "token_type": "Bearer"}
        return json.dumps(token).encode()
    return None


@contextmanager
def answering(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    """Serve HTTP with *handler* until the block ends; gives the port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, name="http-server")
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
