"""A model server that speaks Open Inference over HTTP with binary tensors: Easel, or Triton.

A call costs this process a third of what one by grpcio does, which has threads of its own
to wake up; ``benchmarks/README.md`` has the figures.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from adapter.clients.circle import Answered
from adapter.clients.http1 import HttpAnswer, HttpClient, to_lines
from adapter.clients.places import Place
from adapter.clients.shared_inputs import SharedInputs
from adapter.clients.statuses import failed, no_answer, unreachable
from adapter.clients.versions import version_number
from adapter.passed_on import passed_on
from adapter.ports import Tensors
from model_store import errors
from serving.api import oip_http_client as codec
from serving.api.calls import ModelRef, Prediction
from serving.api.oip_binary import LENGTH_HEADER, decode_header_length
from serving.api.regions import Span

_KINDS: Mapping[int, type[errors.EaselError]] = {
    400: errors.InvalidRequest,
    404: errors.ServableNotFound,
    413: errors.InvalidRequest,
    504: errors.DeadlineExceeded,
}


class OipHttpClient:
    """One place; keeps as many connections as there are calls at a time."""

    def __init__(self, place: Place, shared_memory: str = "") -> None:
        """Connects with the first call.

        Args:
            place: Where the server is.
            shared_memory: How memory begins that it was told to share; none if empty.
        """
        self._place = place
        self._http = HttpClient(place)
        self._shared = SharedInputs(self._http, shared_memory) if shared_memory else None

    def predict(
        self, model: str, version: int | None, inputs: Tensors, *, timeout_s: float
    ) -> Answered:
        """Run the model once; see ``adapter.ports.ModelServer``."""
        prediction = Prediction(ModelRef(model, version), inputs)
        slot = None if self._shared is None else self._shared.take(inputs)
        if slot is None or self._shared is None:
            return self._read(self._ask(prediction, codec.NO_SPANS, timeout_s))
        begun = time.monotonic()
        try:
            answer = self._ask(prediction, slot.put(inputs), timeout_s)
        except errors.EaselError:
            self._shared.give(slot)
            raise
        if not self._shared.has_refused(answer):
            self._shared.give(slot)
            return self._read(answer)
        slot.close()
        return self._read(
            self._ask(prediction, codec.NO_SPANS, timeout_s - (time.monotonic() - begun))
        )

    def _ask(
        self, prediction: Prediction, spans: Mapping[str, Span], timeout_s: float
    ) -> HttpAnswer:
        body, json_length = codec.encode_infer_request(prediction, spans)
        headers = (
            b"content-type: application/octet-stream\r\n"
            b"%b: %d\r\n"
            # The server need not work for nobody.
            b"x-request-timeout-ms: %d\r\n" % (LENGTH_HEADER, json_length, _rounded_ms(timeout_s))
        )
        if others := passed_on():
            headers += to_lines(others)
        path = codec.infer_path(prediction.model)
        return self._http.post(path, headers, body, timeout_s=timeout_s)

    def _read(self, answer: HttpAnswer) -> Answered:
        if answer.status != 200:
            raise self._failure(answer)
        try:
            length = decode_header_length(answer.headers.get(LENGTH_HEADER), len(answer.body))
            named, outputs = codec.decode_infer_response(answer.body, length)
        except errors.InvalidRequest as error:
            raise no_answer(self._place, error) from error
        return Answered(version_number(named), outputs)

    def is_ready(self, *, timeout_s: float) -> bool:
        """Ask for the server's readiness."""
        try:
            return self._http.get(codec.READY_PATH, timeout_s=timeout_s).status == 200
        except errors.EaselError:
            return False

    def close(self) -> None:
        """End the connections that no call is on."""
        if self._shared is not None:
            self._shared.close()
        self._http.close()

    def _failure(self, answer: HttpAnswer) -> errors.EaselError:
        words = codec.decode_error(answer.body) or f"HTTP status {answer.status}"
        kind = _KINDS.get(answer.status)
        if kind is not None:
            return kind(words)
        if answer.status == 429:
            after = answer.headers.get(b"retry-after", b"")
            return errors.Overloaded(words, retry_after_s=int(after) if after.isdigit() else 1.0)
        if answer.status == 503:
            return unreachable(self._place, words)
        return failed(self._place, answer.status, words)


def _rounded_ms(seconds: float) -> int:
    """Milliseconds, at least 1 and up to a sixteenth more.

    A server that reads a head only once, as Easel does, is to find the same one again.
    """
    exact = max(1, int(seconds * 1000))
    step = 1 << max(0, exact.bit_length() - 5)
    return -(-exact // step) * step
