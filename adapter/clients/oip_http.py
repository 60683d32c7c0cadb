"""A model server that speaks Open Inference over HTTP with binary tensors: Easel, or Triton.

For this process a call costs an eighth of one by grpcio, which has threads of its own to
wake up; ``benchmarks/README.md`` has the figures.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from adapter.clients.http1 import Answer, HttpClient
from adapter.ports import Scores, Tensors
from model_store import errors
from serving.api import oip_http_client as codec
from serving.api.calls import ModelRef, Prediction

_LENGTH = b"inference-header-content-length"
_KINDS: Mapping[int, type[errors.EaselError]] = {
    400: errors.InvalidRequest,
    401: errors.Unauthenticated,
    403: errors.PermissionDenied,
    404: errors.ServableNotFound,
    413: errors.MessageTooLarge,
    429: errors.Overloaded,
    499: errors.Cancelled,
    501: errors.Unsupported,
    503: errors.ServableNotReady,
    504: errors.DeadlineExceeded,
}
_NOT_READY = 503
_PAUSE_S = 0.05


class OipHttpClient:
    """One address; keeps as many connections as there are calls at a time."""

    def __init__(self, address: str) -> None:
        """*address* is ``host:port``, or ``unix:`` and a path."""
        self._http = HttpClient(address)

    def predict(
        self, model: str, version: int | None, inputs: Tensors, *, timeout_s: float
    ) -> Scores:
        """Run the model once; see ``adapter.ports.ModelServer``."""
        ends = time.monotonic() + timeout_s
        ref = ModelRef(model, version)
        body, json_length = codec.encode_infer_request(Prediction(ref, inputs))
        answer = self._post(ref, body, json_length, timeout_s)
        if answer.status == _NOT_READY and (left := ends - time.monotonic()) > _PAUSE_S:
            time.sleep(_PAUSE_S)
            answer = self._post(ref, body, json_length, left - _PAUSE_S)
        if answer.status != 200:
            kind = _KINDS.get(answer.status, errors.EaselError)
            raise kind(codec.decode_error(answer.body) or f"HTTP status {answer.status}")
        try:
            length = answer.headers.get(_LENGTH)
            found = codec.decode_infer_response(answer.body, length and int(length), ref)
        except (errors.InvalidRequest, ValueError) as error:  # the server's fault
            raise errors.EaselError(
                f"{self._http.address} does not answer as a model server"
            ) from error
        return Scores(found.model.number, found.outputs)

    def is_ready(self, *, timeout_s: float) -> bool:
        """Ask for the server's readiness."""
        try:
            return self._http.get(codec.READY_PATH, timeout_s=timeout_s).status == 200
        except errors.EaselError:
            return False

    def _post(self, ref: ModelRef, body: bytes, json_length: int, timeout_s: float) -> Answer:
        headers = {
            b"content-type": b"application/octet-stream",
            _LENGTH: b"%d" % json_length,
            # The server need not work for nobody.
            b"x-request-timeout-ms": b"%d" % max(1, round(timeout_s * 1000)),
        }
        return self._http.post(codec.infer_path(ref), headers, body, timeout_s=timeout_s)
