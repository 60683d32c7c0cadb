"""A real gRPC server that speaks TF Serving's API and answers with a fake model server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc

from model_store.errors import EaselError
from model_store.spec import DEFAULT_SIGNATURE, ModelVersion
from serving.api import health, tfs
from serving.api.calls import Answer
from tests.fakes import FakeModelServer


class TfsHandler(grpc.GenericRpcHandler):
    """Predict and health over *behind*; ``responses`` are sent instead where there are any."""

    def __init__(self, behind: FakeModelServer) -> None:
        self.behind = behind
        self.responses: dict[str, bytes] = {}

    def service(self, details):
        methods = {tfs.PREDICT: self.predict, health.CHECK: self.check}
        if details.method not in methods:
            return None

        def answer(request: bytes, context: grpc.ServicerContext) -> bytes:
            if details.method in self.responses:
                return self.responses[details.method]
            return methods[details.method](request, context)

        return grpc.unary_unary_rpc_method_handler(answer)

    def predict(self, data: bytes, context: grpc.ServicerContext) -> bytes:
        request = tfs.decode_predict_request(data)
        if self.behind.takes_s:
            wait_until_given_up(context)
        try:
            scores = self.behind.predict(
                request.model.name, request.model.version, request.inputs,
                timeout_s=context.time_remaining(),
            )  # fmt: skip
        except EaselError as error:
            context.abort(grpc.StatusCode[error.code.name], str(error))
        answer = Answer(ModelVersion(request.model.name, scores.version), scores.outputs)
        return tfs.encode_predict_response(answer, DEFAULT_SIGNATURE)

    def check(self, _: bytes, context: grpc.ServicerContext) -> bytes:
        if self.behind.takes_s:
            wait_until_given_up(context)
        return health.encode_status(
            is_serving=self.behind.is_ready(timeout_s=context.time_remaining())
        )


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
