"""Open Inference's messages <-> calls as data; ``oip_tensors`` has the tensors in them."""

from __future__ import annotations

from collections.abc import Mapping

from model_store.errors import InvalidRequest
from serving.api.calls import Answer, Prediction, Tensor, dtype_name
from serving.api.oip_raw import InferCall, KnownRequests, encode_raw_answer
from serving.api.oip_regions import decode_span
from serving.api.oip_requests import decode_model_ref, decode_options
from serving.api.oip_tensors import DATATYPES, RAW_ONLY, decode_input, encode_raw, fill_typed
from serving.api.protos import inference_pb2 as pb
from serving.api.regions import NOT_SHARED, SharedMemory, Span
from serving.api.wire import parse

SERVICE = "/inference.GRPCInferenceService/"
SERVER_LIVE = SERVICE + "ServerLive"
SERVER_READY = SERVICE + "ServerReady"
MODEL_READY = SERVICE + "ModelReady"
SERVER_METADATA = SERVICE + "ServerMetadata"
MODEL_METADATA = SERVICE + "ModelMetadata"
MODEL_INFER = SERVICE + "ModelInfer"
MODEL_STREAM_INFER = SERVICE + "ModelStreamInfer"
MODEL_CONFIG = SERVICE + "ModelConfig"
MODEL_STATISTICS = SERVICE + "ModelStatistics"
REPOSITORY_INDEX = SERVICE + "RepositoryIndex"
REPOSITORY_MODEL_LOAD = SERVICE + "RepositoryModelLoad"
REPOSITORY_MODEL_UNLOAD = SERVICE + "RepositoryModelUnload"
REGION_STATUS = SERVICE + "SystemSharedMemoryStatus"
REGION_REGISTER = SERVICE + "SystemSharedMemoryRegister"
REGION_UNREGISTER = SERVICE + "SystemSharedMemoryUnregister"


# Of all callers: what they send does not say whose it is.
_KNOWN = KnownRequests()


def decode_infer_request(data: bytes, memory: SharedMemory = NOT_SHARED) -> InferCall:
    """Read a ModelInferRequest; tensors in shared *memory* are read from there.

    The answer mirrors the request: raw for raw, typed for typed.

    Raises:
        InvalidRequest: It is not one, or its tensors are not what they say they are.
        EaselError: As ``SharedMemory.read`` does.
    """
    known = _KNOWN.find(data)
    if known is not None:
        return known
    request = parse(pb.ModelInferRequest, data)
    call = _decode(request, memory)
    _KNOWN.note(data, request, call)
    return call


def _decode(request: pb.ModelInferRequest, memory: SharedMemory = NOT_SHARED) -> InferCall:
    model = request.model_name
    raws = iter(request.raw_input_contents)
    spans = [_span(tensor) if tensor.parameters else None for tensor in request.inputs]
    is_raw = bool(request.raw_input_contents) or any(spans)
    expected, got = spans.count(None), len(request.raw_input_contents)
    if is_raw and got != expected:
        raise InvalidRequest(
            f"expected {expected} raw_input_contents, one for each input of the request that is "
            f"not in shared memory, got {got} for model '{model}'"
        )
    inputs: dict[str, Tensor] = {}
    for tensor, span in zip(request.inputs, spans, strict=True):
        name = tensor.name
        if name in inputs:
            raise InvalidRequest(f"input '{name}' is given twice for model '{model}'")
        if span is not None:
            raw: bytes | None = memory.read(span, f"input '{name}' for model '{model}'")
        else:
            raw = next(raws) if is_raw else None
        inputs[name] = decode_input(tensor, raw, model)
    wanted = tuple([output.name for output in request.outputs])
    options = decode_options(
        _values(request.parameters),
        {output.name: _values(output.parameters) for output in request.outputs},
    )
    for name, span in options.spans.items():
        memory.check(span, f"output '{name}' for model '{model}'")
    return InferCall(
        Prediction(
            decode_model_ref(model, request.model_version),
            inputs,
            wanted,
            priority=options.priority,
        ),
        options,
        id=request.id,
        is_raw=is_raw,
    )


def _span(tensor: pb.ModelInferRequest.InferInputTensor) -> Span | None:
    return decode_span(_values(tensor.parameters), f"tensor '{tensor.name}'")


def _values(parameters: Mapping[str, pb.InferParameter]) -> dict[str, object]:
    values: dict[str, object] = {}
    for name, parameter in parameters.items():
        kind = parameter.WhichOneof("parameter_choice")
        values[name] = getattr(parameter, kind) if kind else None
    return values


def encode_infer_response(
    answer: Answer, call: InferCall, memory: SharedMemory = NOT_SHARED
) -> bytes:
    """Write a ModelInferResponse; it names the version that answered.

    Raises:
        EaselError: As ``SharedMemory.write`` does.
    """
    datatypes = _datatypes(answer)
    if _is_raw(call, datatypes) and not call.options.spans:
        return encode_raw_answer(answer, datatypes, call.id)
    response = pb.ModelInferResponse()
    _fill_response(response, answer, call, memory)
    return response.SerializeToString()


def encode_stream_answer(
    answer: Answer, call: InferCall, memory: SharedMemory = NOT_SHARED
) -> bytes:
    """Write a ModelStreamInferResponse: the only one of its request, and said to be the last.

    Raises:
        EaselError: As ``SharedMemory.write`` does.
    """
    response = pb.ModelStreamInferResponse()
    _fill_response(response.infer_response, answer, call, memory)
    response.infer_response.parameters["triton_final_response"].bool_param = True
    return response.SerializeToString()


def encode_stream_error(message: str, request_id: str) -> bytes:
    """Write a ModelStreamInferResponse for a request that failed."""
    response = pb.ModelStreamInferResponse(error_message=message)
    response.infer_response.id = request_id
    return response.SerializeToString()


def _fill_response(
    response: pb.ModelInferResponse,
    answer: Answer,
    call: InferCall,
    memory: SharedMemory = NOT_SHARED,
) -> None:
    response.model_name = answer.model.name
    response.model_version = str(answer.model.number)
    response.id = call.id
    datatypes = _datatypes(answer)
    is_raw = _is_raw(call, datatypes)
    spans = call.options.spans
    for (name, tensor), datatype in zip(answer.outputs.items(), datatypes, strict=True):
        output = response.outputs.add(name=name, datatype=datatype, shape=tensor.shape)
        if name in spans:
            memory.write(spans[name], encode_raw(tensor), f"output '{name}'")
            if is_raw:  # entries count the outputs through
                response.raw_output_contents.append(b"")
        elif is_raw:
            response.raw_output_contents.append(encode_raw(tensor))
        else:
            fill_typed(output.contents, datatype, tensor)


def _datatypes(answer: Answer) -> list[str]:
    return [DATATYPES[dtype_name(tensor)] for tensor in answer.outputs.values()]


def _is_raw(call: InferCall, datatypes: list[str]) -> bool:
    """Raw contents count the outputs through: all of them are raw, or none."""
    return call.is_raw or not RAW_ONLY.isdisjoint(datatypes)
