"""Real gRPC servers that speak TF Serving's API or Open Inference, over a fake model server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import grpc

from adapter.clients.opening import ModelServers, open_servers
from adapter.clients.servers import parse_servers
from adapter.clients.tls import TlsFiles
from model_store.errors import EaselError
from model_store.spec import DEFAULT_SIGNATURE, ModelVersion
from serving.api import health, oip, tfs
from serving.api.calls import Answer, Prediction
from serving.api.protos import inference_pb2 as pb
from tests.fakes import FakeModelServer


def opened(*entries: str, token_file: str = "", **tls_files: str) -> ModelServers:
    """The model servers of a setting, as the adapter opens them."""
    groups = parse_servers(entries, "127.0.0.1:1")
    return open_servers(groups, TlsFiles(**tls_files), token_file)


class Handler(grpc.GenericRpcHandler):
    """Two methods over *behind*; ``responses`` are sent instead where there are any."""

    PREDICT = ""
    CHECK = ""

    def __init__(self, behind: FakeModelServer) -> None:
        self.behind = behind
        self.responses: dict[str, bytes] = {}

    def service(self, details):
        methods = {self.PREDICT: self.predict, self.CHECK: self.check}
        if details.method not in methods:
            return None

        def answer(request: bytes, context: grpc.ServicerContext) -> bytes:
            if details.method in self.responses:
                return self.responses[details.method]
            if self.behind.takes_s:
                wait_until_given_up(context)
            return methods[details.method](request, context)

        return grpc.unary_unary_rpc_method_handler(answer)

    def ask(self, prediction: Prediction, context: grpc.ServicerContext) -> Answer:
        ref = prediction.model
        try:
            scores = self.behind.predict(
                ref.name, ref.version, prediction.inputs, timeout_s=context.time_remaining()
            )
        except EaselError as error:
            context.abort(grpc.StatusCode[error.code.name], str(error))
        return Answer(ModelVersion(ref.name, scores.version), scores.outputs)

    def is_ready(self, context: grpc.ServicerContext) -> bool:
        return self.behind.is_ready(timeout_s=context.time_remaining())


class TfsHandler(Handler):
    """TF Serving's API."""

    PREDICT, CHECK = tfs.PREDICT, health.CHECK

    def predict(self, data: bytes, context: grpc.ServicerContext) -> bytes:
        answer = self.ask(tfs.decode_predict_request(data), context)
        return tfs.encode_predict_response(answer, DEFAULT_SIGNATURE)

    def check(self, _: bytes, context: grpc.ServicerContext) -> bytes:
        return health.encode_status(is_serving=self.is_ready(context))


class OipHandler(Handler):
    """Open Inference; answers raw or typed, with a version text of its own if there is one."""

    PREDICT, CHECK = oip.MODEL_INFER, oip.SERVER_READY
    is_raw = True
    version: str | None = None

    def predict(self, data: bytes, context: grpc.ServicerContext) -> bytes:
        call = oip.decode_infer_request(data)
        answer = self.ask(call.prediction, context)
        encoded = oip.encode_infer_response(answer, replace(call, is_raw=self.is_raw))
        if self.version is None:
            return encoded
        response = pb.ModelInferResponse.FromString(encoded)
        response.model_version = self.version
        return response.SerializeToString()

    def check(self, _: bytes, context: grpc.ServicerContext) -> bytes:
        return pb.ServerReadyResponse(ready=self.is_ready(context)).SerializeToString()


def wait_until_given_up(context: grpc.ServicerContext) -> None:
    given_up = threading.Event()
    context.add_callback(given_up.set)
    given_up.wait()


@contextmanager
def serving(handler: grpc.GenericRpcHandler, address: str = "127.0.0.1:0") -> Iterator[str]:
    """Serve until the block ends; gives the address."""
    with ThreadPoolExecutor(4) as pool:
        server = grpc.server(pool, handlers=[handler])
        port = server.add_insecure_port(address)
        server.start()
        try:
            yield f"127.0.0.1:{port}"
        finally:
            server.stop(None).wait()
