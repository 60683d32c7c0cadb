"""TorchServe over REST, with archives that ``easel export --to mar`` made."""

from __future__ import annotations

from adapter.clients.circle import Answered
from adapter.clients.http1 import HttpAnswer, HttpClient, to_lines
from adapter.clients.places import Place
from adapter.clients.statuses import failed, no_answer, unreachable
from adapter.clients.tokens import TokenFile, authorization
from adapter.clients.torchserve import REFUSAL, answered
from adapter.passed_on import passed_on
from adapter.ports import Tensors
from model_store import errors
from model_store.errors import InvalidRequest
from serving.api import torchserve

_TOKEN_REFUSED = b"InvalidKeyException"


class TorchServeRestClient:
    """One place; keeps as many connections as there are calls at a time."""

    def __init__(self, place: Place, token: TokenFile | None) -> None:
        """Connects with the first call."""
        self._place, self._token = place, token
        self._http = HttpClient(place)

    def predict(
        self, model: str, version: int | None, inputs: Tensors, *, timeout_s: float
    ) -> Answered:
        """Run the model once; see ``adapter.ports.ModelServer``."""
        path = torchserve.predictions_path(model, version)
        headers = to_lines(
            (
                ("content-type", "application/json"),
                ("x-request-timeout-ms", str(max(1, int(timeout_s * 1000)))),
                *passed_on(),
                *authorization(self._token),
            )
        )
        body = torchserve.encode_body(inputs)
        answer = self._http.post(path, headers, [body], timeout_s=timeout_s)
        if answer.status != 200:
            raise self._failure(answer)
        try:
            decoded = torchserve.decode_body(answer.body)
        except InvalidRequest as error:
            raise no_answer(self._place, error) from error
        return answered(decoded)

    def is_ready(self, *, timeout_s: float) -> bool:
        """Ask whether all workers are well."""
        try:
            headers = to_lines(authorization(self._token))
            answer = self._http.get(torchserve.PING_PATH, headers, timeout_s=timeout_s)
            return answer.status == 200 and torchserve.is_healthy(answer.body)
        except errors.EaselError:
            return False

    def close(self) -> None:
        """End the connections that no call is on."""
        self._http.close()

    def _failure(self, answer: HttpAnswer) -> errors.EaselError:
        """TorchServe's own failures have a code, a type and a message; a handler's refusal not."""
        data = answer.body
        if answer.status == 404:
            return errors.ServableNotFound(_message(data))
        if answer.status == 400 and _TOKEN_REFUSED not in data:
            return InvalidRequest(_message(data))
        shown = data[:500].decode("utf-8", "replace")
        if answer.status == 503:
            return unreachable(self._place, shown)
        return failed(self._place, answer.status, shown)


def _message(data: bytes) -> str:
    return torchserve.decode_failure(data) or REFUSAL
