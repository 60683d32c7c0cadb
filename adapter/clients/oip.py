"""A model server that speaks Open Inference over gRPC: Easel, Triton or KServe."""

from __future__ import annotations

import grpc

from adapter.clients.channels import open_channel
from adapter.clients.circle import Answered
from adapter.clients.places import Place
from adapter.clients.statuses import no_answer, to_easel_error
from adapter.clients.versions import version_number
from adapter.passed_on import passed_on
from adapter.ports import Tensors
from model_store.errors import InvalidRequest
from serving.api import oip, oip_client
from serving.api.calls import ModelRef, Prediction


class OipClient:
    """One place; belongs to the process that made it."""

    def __init__(self, place: Place) -> None:
        """Connects with the first call."""
        self._place = place
        self._channel = open_channel(place)
        self._infer = self._channel.unary_unary(oip.MODEL_INFER)
        self._ready = self._channel.unary_unary(oip.SERVER_READY)

    def predict(
        self, model: str, version: int | None, inputs: Tensors, *, timeout_s: float
    ) -> Answered:
        """Run the model once; see ``adapter.ports.ModelServer``."""
        request = oip_client.encode_infer_request(Prediction(ModelRef(model, version), inputs))
        try:
            response = self._infer(request, timeout=timeout_s, metadata=passed_on())
        except grpc.RpcError as error:
            raise to_easel_error(error, self._place) from error
        try:
            said, outputs = oip_client.decode_infer_response(response)
        except InvalidRequest as error:
            raise no_answer(self._place, error) from error
        return Answered(version_number(said), outputs)

    def is_ready(self, *, timeout_s: float) -> bool:
        """Ask ServerReady."""
        try:
            request = oip_client.encode_server_ready_request()
            return oip_client.decode_is_ready(self._ready(request, timeout=timeout_s))
        except (grpc.RpcError, InvalidRequest):
            return False

    def close(self) -> None:
        """End the connection, and calls on it."""
        self._channel.close()
