"""Open Inference's messages <-> calls as data; ``oip_tensors`` has the tensors in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from model_store.errors import InvalidRequest
from model_store.spec import Signature, TensorSpec
from serving.api.calls import Answer, ModelRef, Prediction, Tensor, dtype_name
from serving.api.oip_tensors import DATATYPES, decode_input, encode_raw, fill_typed
from serving.api.protos import inference_pb2 as pb
from serving.api.wire import parse

_SERVICE = "/inference.GRPCInferenceService/"
SERVER_LIVE = _SERVICE + "ServerLive"
SERVER_READY = _SERVICE + "ServerReady"
MODEL_READY = _SERVICE + "ModelReady"
SERVER_METADATA = _SERVICE + "ServerMetadata"
MODEL_METADATA = _SERVICE + "ModelMetadata"
MODEL_INFER = _SERVICE + "ModelInfer"

PLATFORM = "onnxruntime_onnx"


@dataclass(frozen=True, slots=True)
class InferCall:
    """A ModelInferRequest: what to predict, and how the answer is to be written.

    Attributes:
        prediction: The call itself.
        id: The caller's own word for this request, given back with the answer.
        is_raw: Whether the answer's tensors go into ``raw_output_contents``.
    """

    prediction: Prediction
    id: str
    is_raw: bool


def decode_infer_request(data: bytes) -> InferCall:
    """Read a ModelInferRequest.

    The answer mirrors the request: raw for raw, typed for typed.

    Raises:
        InvalidRequest: It is not one, or its tensors are not what they say they are.
    """
    request = parse(pb.ModelInferRequest, data)
    model = request.model_name
    raw = request.raw_input_contents
    is_raw = bool(raw)
    if is_raw and len(raw) != len(request.inputs):
        raise InvalidRequest(
            f"expected {len(request.inputs)} raw_input_contents, one for each input of the "
            f"request, got {len(raw)} for model '{model}'"
        )
    inputs: dict[str, Tensor] = {}
    for index, tensor in enumerate(request.inputs):
        name = tensor.name
        if name in inputs:
            raise InvalidRequest(f"input '{name}' is given twice for model '{model}'")
        inputs[name] = decode_input(tensor, raw[index] if is_raw else None, model)
    return InferCall(
        Prediction(
            decode_model_ref(model, request.model_version),
            inputs,
            tuple(output.name for output in request.outputs),
        ),
        id=request.id,
        is_raw=is_raw,
    )


def decode_model_ref(name: str, version: str) -> ModelRef:
    """Read which servable is asked for; an empty version is the live one.

    Raises:
        InvalidRequest: The version is not a positive integer.
    """
    if not version:
        return ModelRef(name)
    if not (version.isascii() and version.isdigit() and 0 < int(version[:19]) < 2**63):
        raise InvalidRequest(
            f"failed to get model version from specified version string '{version}', "
            "version should be an integral value > 0"
        )
    return ModelRef(name, version=int(version))


def encode_infer_response(answer: Answer, call: InferCall) -> bytes:
    """Write a ModelInferResponse; it names the version that answered."""
    response = pb.ModelInferResponse(
        model_name=answer.model.name, model_version=str(answer.model.number), id=call.id
    )
    for name, tensor in answer.outputs.items():
        datatype = DATATYPES[dtype_name(tensor)]
        output = response.outputs.add(name=name, datatype=datatype, shape=tensor.shape)
        if call.is_raw or datatype == "FP16":
            response.raw_output_contents.append(encode_raw(tensor))
        else:
            fill_typed(output.contents, datatype, tensor)
    return response.SerializeToString()


def encode_model_metadata(name: str, versions: Sequence[int], signature: Signature) -> bytes:
    """Write a ModelMetadataResponse; a free axis is -1."""
    response = pb.ModelMetadataResponse(
        name=name, versions=[str(number) for number in versions], platform=PLATFORM
    )
    for specs, field in (
        (signature.inputs, response.inputs),
        (signature.outputs, response.outputs),
    ):
        for spec in specs:
            field.add(name=spec.name, datatype=DATATYPES[spec.dtype], shape=_wire_shape(spec))
    return response.SerializeToString()


def explain_mismatch(signature: Signature, prediction: Prediction) -> str:
    """Say in Triton's words what does not fit the signature, or nothing when all does."""
    model, inputs = prediction.model.name, prediction.inputs
    specs = {spec.name: spec for spec in signature.inputs}
    for name in inputs:
        if name not in specs:
            return f"unexpected inference input '{name}' for model '{model}'"
    if len(inputs) != len(specs):
        return f"expected {len(specs)} inputs but got {len(inputs)} inputs for model '{model}'"
    for name, tensor in inputs.items():
        spec, got = specs[name], DATATYPES[dtype_name(tensor)]
        if got != DATATYPES[spec.dtype]:
            return (
                f"inference input '{name}' data-type is '{got}', "
                f"but model '{model}' expects '{DATATYPES[spec.dtype]}'"
            )
        if not spec.fits(tensor.shape):
            return (
                f"unexpected shape for input '{name}' for model '{model}'. "
                f"Expected {_shape_text(_wire_shape(spec))}, got {_shape_text(tensor.shape)}"
            )
    known = {spec.name for spec in signature.outputs}
    strange = [name for name in prediction.outputs if name not in known]
    return f"unexpected inference output '{strange[0]}' for model '{model}'" if strange else ""


def _wire_shape(spec: TensorSpec) -> list[int]:
    if spec.shape is None:  # the protocol cannot say "any rank"
        return [-1]
    return [-1 if size is None else size for size in spec.shape]


def _shape_text(shape: Sequence[int]) -> str:
    return "[" + ",".join(map(str, shape)) + "]"
