"""A model server that speaks TF Serving's API: Easel, or TensorFlow Serving itself."""

from __future__ import annotations

import json
import os
import threading
import time
from dataclasses import dataclass

import grpc

from adapter.clients.statuses import as_easel_errors
from adapter.ports import Scores, Tensors
from model_store.errors import EaselError, InvalidRequest, ServerUnreachable
from serving.api import health, tfs
from serving.api.calls import ModelRef, Prediction

_RETRY_ONCE = {
    "methodConfig": [
        {
            "name": [{}],
            "retryPolicy": {
                "maxAttempts": 2,
                "initialBackoff": "0.05s",
                "maxBackoff": "0.05s",
                "backoffMultiplier": 1,
                # A prediction changes nothing, so it may be sent again.  We cancel none: it is
                # gRPC itself that does, when a process forks beside a call that begins.
                "retryableStatusCodes": ["UNAVAILABLE", "CANCELLED"],
            },
        }
    ]
}
_OPTIONS = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.initial_reconnect_backoff_ms", 100),
    # Also how long one attempt to connect may take.
    ("grpc.min_reconnect_backoff_ms", 1000),
    ("grpc.max_reconnect_backoff_ms", 1000),
    # A proxy for the outside world has no business between adapter and model server.
    ("grpc.enable_http_proxy", 0),
    ("grpc.service_config", json.dumps(_RETRY_ONCE)),
)


# gRPC asks the name service again after up to two minutes; a new channel asks at once.
_REOPEN_S = 2.0


@dataclass(frozen=True, slots=True)
class _Stubs:
    """One process' channel and the methods on it."""

    pid: int
    opened: float
    channel: grpc.Channel
    predict: grpc.UnaryUnaryMultiCallable
    check: grpc.UnaryUnaryMultiCallable


class TfsClient:
    """One address; opens its channel on first use, and again in a forked process.

    A gRPC channel has threads, and threads do not survive a fork.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._lock = threading.Lock()
        self._stubs: _Stubs | None = None
        self._retired: _Stubs | None = None

    def predict(
        self, model: str, version: int | None, inputs: Tensors, *, timeout_s: float
    ) -> Scores:
        """Run ``serving_default`` once; see ``adapter.ports.ModelServer``."""
        request = tfs.encode_predict_request(Prediction(ModelRef(model, version), inputs))
        stubs = self._open()
        try:
            with as_easel_errors(self._address):
                response = stubs.predict(request, timeout=timeout_s)
        except ServerUnreachable:
            self._retire(stubs)
            raise
        try:
            answer = tfs.decode_predict_response(response)
        except InvalidRequest as error:  # the server's fault, not the caller's
            raise EaselError(f"{self._address} does not answer as a model server") from error
        return Scores(answer.model.number, answer.outputs)

    def is_ready(self, *, timeout_s: float) -> bool:
        """Ask the server's health service."""
        stubs = self._open()
        try:
            response = stubs.check(health.encode_check_request(), timeout=timeout_s)
            return health.decode_is_serving(response)
        except InvalidRequest:
            return False
        except grpc.RpcError:
            self._retire(stubs)
            return False

    def _retire(self, failed: _Stubs) -> None:
        """Let the next call open a new channel, which looks the server's name up anew.

        Calls that are still on the old one may finish: it is closed a turn later.
        """
        with self._lock:
            if self._stubs is not failed or time.monotonic() < failed.opened + _REOPEN_S:
                return
            if self._retired is not None:
                self._retired.channel.close()
            self._retired, self._stubs = failed, None

    def _open(self) -> _Stubs:
        stubs = self._stubs
        if stubs is not None and stubs.pid == os.getpid():
            return stubs
        with self._lock:
            if self._stubs is None or self._stubs.pid != os.getpid():
                channel = grpc.insecure_channel(self._address, _OPTIONS)
                self._stubs = _Stubs(
                    os.getpid(),
                    time.monotonic(),
                    channel,
                    channel.unary_unary(tfs.PREDICT),
                    channel.unary_unary(health.CHECK),
                )
            return self._stubs
