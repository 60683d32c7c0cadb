"""A real HTTP/1.1 server that speaks Open Inference in binary, over a fake model server."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

from model_store.errors import EaselError
from model_store.spec import ModelVersion
from serving.api.calls import Answer, ModelRef
from serving.api.oip_binary import decode_infer_request, encode_infer_response
from tests.fakes import FakeModelServer


@dataclass
class HttpModels:
    """What the server does.

    Attributes:
        behind: Answers predictions.
        raw: Bytes that are sent instead of any answer; the connection is closed after them.
        is_closing: Whether each connection is closed without a word after its answer.
        is_saying_goodbye: Whether it is closed with one.
        connections: How many there were.
        headers: Of the last request.
    """

    behind: FakeModelServer
    raw: bytes | None = None
    is_closing: bool = False
    is_saying_goodbye: bool = False
    connections: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    given_up: threading.Event = field(default_factory=threading.Event)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    models: HttpModels

    def setup(self) -> None:
        self.models.connections += 1
        super().setup()

    def do_GET(self) -> None:
        if self.models.behind.takes_s:
            self.models.given_up.wait()
        is_ready = self.models.behind.is_ready(timeout_s=0)
        self._send(200 if is_ready and self.path == "/v2/health/ready" else 503, b"")

    def do_POST(self) -> None:
        self.models.headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.models.raw is not None:
            self.wfile.write(self.models.raw)
            self.close_connection = True
            return
        if self.models.behind.takes_s:
            self.models.given_up.wait()
        try:
            answer, length = self._answer(body)
        except EaselError as error:
            self._send(error.code.http, json.dumps({"error": str(error)}).encode())
            return
        self._send(
            200, answer, {} if length is None else {"Inference-Header-Content-Length": str(length)}
        )

    def _answer(self, body: bytes) -> tuple[bytes, int | None]:
        _, _, _, name, *rest = self.path.split("/")
        version = int(rest[1]) if rest[0] == "versions" else None
        ref = ModelRef(unquote(name), version)
        call = decode_infer_request(body, int(self.headers["inference-header-content-length"]), ref)
        scores = self.models.behind.predict(ref.name, version, call.prediction.inputs, timeout_s=30)
        return encode_infer_response(
            Answer(ModelVersion(ref.name, scores.version), scores.outputs), call
        )

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if self.models.is_saying_goodbye:
            self.send_header("Connection", "close")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = self.close_connection or self.models.is_closing

    def log_message(self, *_: object) -> None:
        """Nothing on the terminal."""


class _UnixServer(ThreadingHTTPServer):
    address_family = socket.AF_UNIX

    def server_bind(self) -> None:
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = "localhost", 0

    def get_request(self):
        connection, _ = super().get_request()
        return connection, ("", 0)


@contextmanager
def serving_http(models: HttpModels, path: str = "") -> Iterator[str]:
    """Serve until the block ends; gives the address as ``model_servers`` has it."""
    handler = type("Handler", (_Handler,), {"models": models})
    server = _UnixServer(path, handler) if path else ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"unix:{path}" if path else f"127.0.0.1:{server.server_port}"
    finally:
        models.given_up.set()
        server.shutdown()
        thread.join()
        server.server_close()
