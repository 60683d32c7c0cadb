"""TorchServe over gRPC, with archives that ``easel export --to mar`` made."""

from __future__ import annotations

import grpc

from adapter.clients.channels import open_channel
from adapter.clients.circle import Answered
from adapter.clients.places import Place
from adapter.clients.statuses import no_answer, to_easel_error
from adapter.clients.tokens import TokenFile, authorization
from adapter.clients.versions import version_number
from adapter.passed_on import passed_on
from adapter.ports import Tensors
from model_store.errors import EaselError, InvalidRequest, ServableNotFound
from serving.api import torchserve
from serving.api.torchserve import HandlersAnswer

# TorchServe has no status for it, only its exceptions' names.
_NOT_FOUND = ("ModelNotFoundException", "ModelVersionNotFoundException")
# For callers, where it says nothing else.
REFUSAL = "the model server refuses the request"


def answered(answer: HandlersAnswer) -> Answered:
    """What a handler gave back as an answer.

    Raises:
        InvalidRequest: The handler refuses the request.
    """
    if answer.outputs is None:
        raise InvalidRequest(answer.refusal or REFUSAL)
    return Answered(version_number(answer.version), answer.outputs)


class TorchServeClient:
    """One place; belongs to the process that made it."""

    def __init__(self, place: Place, token: TokenFile | None) -> None:
        """Connects with the first call."""
        self._place, self._token = place, token
        self._channel = open_channel(place)
        self._predictions = self._channel.unary_unary(torchserve.PREDICTIONS)
        self._ping = self._channel.unary_unary(torchserve.PING)

    def predict(
        self, model: str, version: int | None, inputs: Tensors, *, timeout_s: float
    ) -> Answered:
        """Run the model once; see ``adapter.ports.ModelServer``."""
        body = torchserve.encode_body(inputs)
        request = torchserve.encode_predictions_request(model, version, body)
        try:
            metadata = (*authorization(self._token), *passed_on())
            response = self._predictions(request, timeout=timeout_s, metadata=metadata)
        except grpc.RpcError as error:
            raise self._to_easel_error(error) from error
        try:
            answer = torchserve.decode_prediction_response(response)
        except InvalidRequest as error:
            raise no_answer(self._place, error) from error
        return answered(answer)

    def is_ready(self, *, timeout_s: float) -> bool:
        """Ask whether all workers are well."""
        try:
            response = self._ping(b"", timeout=timeout_s, metadata=authorization(self._token))
            return torchserve.decode_is_healthy(response)
        except (grpc.RpcError, InvalidRequest):
            return False

    def close(self) -> None:
        """End the connection, and calls on it."""
        self._channel.close()

    def _to_easel_error(self, error: grpc.RpcError) -> EaselError:
        details = error.details() or ""
        if error.code() is grpc.StatusCode.INTERNAL and details.endswith(_NOT_FOUND):
            return ServableNotFound(details.splitlines()[0])
        return to_easel_error(error, self._place)
