"""A model server that speaks TF Serving's API: Easel, or TensorFlow Serving itself."""

from __future__ import annotations

import grpc

from adapter.clients.channels import open_channel
from adapter.clients.circle import Answered
from adapter.clients.places import Place
from adapter.clients.statuses import no_answer, to_easel_error
from adapter.passed_on import passed_on
from adapter.ports import Tensors
from model_store.errors import InvalidRequest
from serving.api import health, tfs
from serving.api.calls import ModelRef, Prediction

# What TensorFlow Serving says to a question that names no model.
_SPOKEN = (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND)


class TfsClient:
    """One place; belongs to the process that made it."""

    def __init__(self, place: Place) -> None:
        """Connects with the first call."""
        self._place = place
        self._channel = open_channel(place)
        self._predict = self._channel.unary_unary(tfs.PREDICT)
        self._check = self._channel.unary_unary(health.CHECK)
        self._status = self._channel.unary_unary(tfs.GET_MODEL_STATUS)

    def predict(
        self, model: str, version: int | None, inputs: Tensors, *, timeout_s: float
    ) -> Answered:
        """Run ``serving_default`` once; see ``adapter.ports.ModelServer``."""
        request = tfs.encode_predict_request(Prediction(ModelRef(model, version), inputs))
        try:
            response = self._predict(request, timeout=timeout_s, metadata=passed_on())
        except grpc.RpcError as error:
            raise to_easel_error(error, self._place) from error
        try:
            answer = tfs.decode_predict_response(response)
        except InvalidRequest as error:
            raise no_answer(self._place, error) from error
        return Answered(answer.model.number or None, answer.outputs)

    def is_ready(self, *, timeout_s: float) -> bool:
        """Ask the server's health service, or whether it is a TF Serving that has none."""
        try:
            response = self._check(health.encode_check_request(), timeout=timeout_s)
            return health.decode_is_serving(response)
        except InvalidRequest:
            return False
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.UNIMPLEMENTED:
                return False
        try:
            self._status(b"", timeout=timeout_s)
        except grpc.RpcError as error:
            return error.code() in _SPOKEN
        return True

    def close(self) -> None:
        """End the connection, and calls on it."""
        self._channel.close()
