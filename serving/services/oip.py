"""Open Inference's GRPCInferenceService over the engine, in Triton's words."""

from __future__ import annotations

from google.protobuf.json_format import ParseDict

from serving.api import oip
from serving.api.oip_requests import decode_model_ref
from serving.api.protos import inference_pb2 as pb
from serving.api.wire import parse
from serving.engine.engine import Engine
from serving.services import oip_models as models
from serving.services.methods import Call, Methods, Unary


def oip_methods(engine: Engine) -> Methods:
    """Open Inference's methods by their full path."""

    async def server_live(request: bytes, call: Call) -> bytes:
        return pb.ServerLiveResponse(live=True).SerializeToString()

    async def server_ready(request: bytes, call: Call) -> bytes:
        return pb.ServerReadyResponse(ready=engine.is_ready).SerializeToString()

    async def model_ready(request: bytes, call: Call) -> bytes:
        message = parse(pb.ModelReadyRequest, request)
        ref = decode_model_ref(message.name, message.version)
        is_ready = models.is_model_ready(engine, ref)
        return pb.ModelReadyResponse(ready=is_ready).SerializeToString()

    async def server_metadata(request: bytes, call: Call) -> bytes:
        response = ParseDict(models.server_metadata(), pb.ServerMetadataResponse())
        return response.SerializeToString()

    async def model_metadata(request: bytes, call: Call) -> bytes:
        message = parse(pb.ModelMetadataRequest, request)
        ref = decode_model_ref(message.name, message.version)
        response = ParseDict(models.model_metadata(engine, ref), pb.ModelMetadataResponse())
        return response.SerializeToString()

    async def model_infer(request: bytes, call: Call) -> bytes:
        infer = oip.decode_infer_request(request)
        call.asked = infer.prediction.model
        servable = models.find(engine, infer.prediction.model)
        answer = await models.infer(engine, servable, infer.prediction, infer.options, call)
        return oip.encode_infer_response(answer, infer)

    return {
        oip.SERVER_LIVE: Unary(server_live),
        oip.SERVER_READY: Unary(server_ready),
        oip.MODEL_READY: Unary(model_ready),
        oip.SERVER_METADATA: Unary(server_metadata),
        oip.MODEL_METADATA: Unary(model_metadata),
        oip.MODEL_INFER: Unary(model_infer),
    }
