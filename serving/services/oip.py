"""Open Inference's GRPCInferenceService over the engine, in Triton's words."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from google.protobuf.json_format import ParseDict
from google.protobuf.message import Message

from model_store.errors import Unsupported
from serving.api import oip
from serving.api.calls import ModelRef
from serving.api.oip_documents import Document
from serving.api.oip_regions import read_register_request, write_status
from serving.api.oip_requests import decode_model_ref
from serving.api.protos import inference_pb2 as pb
from serving.api.wire import parse
from serving.crew.crew import Alone, Crew
from serving.engine.engine import Engine
from serving.services import oip_models as models
from serving.services.control import ModelControl
from serving.services.methods import BidiStream, Call, Methods, Unary
from serving.services.oip_absent import NOT_SUPPORTED
from serving.services.oip_regions import Sharing, register, unregister
from serving.services.oip_repository import load_model, repository_index, unload_model
from serving.services.oip_statistics import statistics
from serving.services.oip_stream import stream_infer

_NOBODY = ModelControl()


def oip_methods(
    engine: Engine,
    control: ModelControl = _NOBODY,
    crew: Crew | None = None,
    sharing: Sharing | None = None,
) -> Methods:
    """Open Inference's methods by their full path.

    Args:
        engine: Runs the models.
        control: Who may load models.
        crew: Answers for the models' state, and loads them.
        sharing: The memory that is shared with callers; none where it is left out.
    """
    asked = crew or Alone(engine)
    shared = sharing or Sharing()

    async def model_infer(request: bytes, call: Call) -> bytes:
        with shared.for_call() as memory:
            infer = oip.decode_infer_request(request, memory)
            call.asked = infer.prediction.model
            servable = models.find(engine, infer.prediction.model)
            answer = await models.infer(engine, servable, infer.prediction, infer.options, call)
            return oip.encode_infer_response(answer, infer, memory)

    return {
        **_server_methods(asked, shared),
        **_model_methods(engine, asked),
        **_repository_methods(asked, control),
        **_region_methods(asked, shared),
        **{oip.SERVICE + name: Unary(_refusing(why)) for name, why in NOT_SUPPORTED.items()},
        oip.MODEL_INFER: Unary(model_infer, runs_model=True),
        oip.MODEL_STREAM_INFER: BidiStream(stream_infer(engine, shared)),
    }


def _server_methods(crew: Crew, sharing: Sharing) -> Methods:
    async def server_live(request: bytes, call: Call) -> bytes:
        return pb.ServerLiveResponse(live=True).SerializeToString()

    async def server_ready(request: bytes, call: Call) -> bytes:
        return pb.ServerReadyResponse(ready=await crew.is_ready()).SerializeToString()

    async def server_metadata(request: bytes, call: Call) -> bytes:
        return _fill(pb.ServerMetadataResponse(), models.server_metadata(sharing))

    return {
        oip.SERVER_LIVE: Unary(server_live),
        oip.SERVER_READY: Unary(server_ready),
        oip.SERVER_METADATA: Unary(server_metadata),
    }


def _model_methods(engine: Engine, crew: Crew) -> Methods:
    async def model_ready(request: bytes, call: Call) -> bytes:
        is_ready = await crew.has(_ref(parse(pb.ModelReadyRequest, request)))
        return pb.ModelReadyResponse(ready=is_ready).SerializeToString()

    async def model_metadata(request: bytes, call: Call) -> bytes:
        ref = _ref(parse(pb.ModelMetadataRequest, request))
        return _fill(pb.ModelMetadataResponse(), models.model_metadata(engine, ref))

    async def model_config(request: bytes, call: Call) -> bytes:
        ref = _ref(parse(pb.ModelConfigRequest, request))
        return _fill(pb.ModelConfigResponse(), {"config": models.model_config(engine, ref)})

    async def model_statistics(request: bytes, call: Call) -> bytes:
        ref = _ref(parse(pb.ModelStatisticsRequest, request))
        return _fill(pb.ModelStatisticsResponse(), await statistics(engine, crew, ref))

    return {
        oip.MODEL_READY: Unary(model_ready),
        oip.MODEL_METADATA: Unary(model_metadata),
        oip.MODEL_CONFIG: Unary(model_config),
        oip.MODEL_STATISTICS: Unary(model_statistics),
    }


def _repository_methods(crew: Crew, control: ModelControl) -> Methods:
    async def index(request: bytes, call: Call) -> bytes:
        message = parse(pb.RepositoryIndexRequest, request)
        if message.repository_name:
            raise Unsupported("'repository_name' specification is not supported")
        entries = await repository_index(crew, only_ready=message.ready)
        return _fill(pb.RepositoryIndexResponse(), {"models": entries})

    async def load(request: bytes, call: Call) -> bytes:
        message = parse(pb.RepositoryModelLoadRequest, request)
        await load_model(crew, control, call, message.model_name, message.parameters)
        return pb.RepositoryModelLoadResponse().SerializeToString()

    async def unload(request: bytes, call: Call) -> bytes:
        message = parse(pb.RepositoryModelUnloadRequest, request)
        await unload_model(crew, control, call, message.model_name)
        return pb.RepositoryModelUnloadResponse().SerializeToString()

    return {
        oip.REPOSITORY_INDEX: Unary(index),
        oip.REPOSITORY_MODEL_LOAD: Unary(load),
        oip.REPOSITORY_MODEL_UNLOAD: Unary(unload),
    }


def _region_methods(crew: Crew, sharing: Sharing) -> Methods:
    async def status(request: bytes, call: Call) -> bytes:
        message = parse(pb.SystemSharedMemoryStatusRequest, request)
        return write_status(sharing.listed(message.name))

    async def begin(request: bytes, call: Call) -> bytes:
        await register(sharing, crew, read_register_request(request))
        return pb.SystemSharedMemoryRegisterResponse().SerializeToString()

    async def end(request: bytes, call: Call) -> bytes:
        message = parse(pb.SystemSharedMemoryUnregisterRequest, request)
        await unregister(sharing, crew, message.name)
        return pb.SystemSharedMemoryUnregisterResponse().SerializeToString()

    return {
        oip.REGION_STATUS: Unary(status),
        oip.REGION_REGISTER: Unary(begin),
        oip.REGION_UNREGISTER: Unary(end),
    }


def _refusing(why: str) -> Callable[[bytes, Call], Awaitable[bytes]]:
    async def refuse(request: bytes, call: Call) -> bytes:
        raise Unsupported(why)

    return refuse


_OfModel = (
    pb.ModelReadyRequest
    | pb.ModelMetadataRequest
    | pb.ModelConfigRequest
    | pb.ModelStatisticsRequest
)


def _ref(message: _OfModel) -> ModelRef:
    return decode_model_ref(message.name, message.version)


def _fill(message: Message, document: Document) -> bytes:
    return ParseDict(document, message).SerializeToString()
