"""Open Inference's GRPCInferenceService over the engine, in Triton's words."""

from __future__ import annotations

from importlib.metadata import version

from model_store.errors import InvalidRequest, ServableNotFound, TensorMismatch
from model_store.spec import DEFAULT_SIGNATURE
from serving.api import oip
from serving.api.calls import ModelRef
from serving.api.protos import inference_pb2 as pb
from serving.api.wire import parse
from serving.engine.engine import Engine, Missing, State, require
from serving.engine.servable import Servable
from serving.services.methods import Call, Methods, Unary


def oip_methods(engine: Engine) -> Methods:
    """Open Inference's methods by their full path."""

    async def server_live(request: bytes, call: Call) -> bytes:
        return pb.ServerLiveResponse(live=True).SerializeToString()

    async def server_ready(request: bytes, call: Call) -> bytes:
        return pb.ServerReadyResponse(ready=engine.is_ready).SerializeToString()

    async def model_ready(request: bytes, call: Call) -> bytes:
        message = parse(pb.ModelReadyRequest, request)
        ref = oip.decode_model_ref(message.name, message.version)
        is_ready = isinstance(engine.find(ref), Servable)
        return pb.ModelReadyResponse(ready=is_ready).SerializeToString()

    async def server_metadata(request: bytes, call: Call) -> bytes:
        return pb.ServerMetadataResponse(name="easel", version=version("easel")).SerializeToString()

    async def model_metadata(request: bytes, call: Call) -> bytes:
        message = parse(pb.ModelMetadataRequest, request)
        servable = _find(engine, oip.decode_model_ref(message.name, message.version))
        versions = [
            status.model.number
            for status in engine.statuses(message.name)
            if status.state is State.AVAILABLE
        ]
        return oip.encode_model_metadata(
            message.name, versions, servable.manifest.signatures[DEFAULT_SIGNATURE]
        )

    async def model_infer(request: bytes, call: Call) -> bytes:
        infer = oip.decode_infer_request(request)
        call.asked = infer.prediction.model
        servable = _find(engine, infer.prediction.model)
        try:
            call.answer = answer = await engine.infer(servable, infer.prediction, call.deadline)
        except TensorMismatch as error:
            raise TensorMismatch(_explain(servable, infer) or str(error)) from error
        return oip.encode_infer_response(answer, infer)

    return {
        oip.SERVER_LIVE: Unary(server_live),
        oip.SERVER_READY: Unary(server_ready),
        oip.MODEL_READY: Unary(model_ready),
        oip.SERVER_METADATA: Unary(server_metadata),
        oip.MODEL_METADATA: Unary(model_metadata),
        oip.MODEL_INFER: Unary(model_infer),
    }


def _find(engine: Engine, ref: ModelRef) -> Servable:
    found = engine.find(ref)
    if found is Missing.YET or not isinstance(found, Missing):
        return require(found, ref)
    if not ref.name:
        raise InvalidRequest("the request names no model; set model_name")
    if found is Missing.VERSION:
        raise ServableNotFound(
            f"Request for unknown model: '{ref.name}' version {ref.version} is not found"
        )
    if engine.statuses(ref.name):
        raise ServableNotFound(f"Request for unknown model: '{ref.name}' has no available versions")
    raise ServableNotFound(f"Request for unknown model: '{ref.name}' is not found")


def _explain(servable: Servable, infer: oip.InferCall) -> str:
    signature = servable.manifest.signatures[infer.prediction.signature]
    return oip.explain_mismatch(signature, infer.prediction)
