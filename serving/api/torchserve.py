"""TorchServe's messages for a client: tensors in the JSON that archives of ``easel export`` read.

The body is Open Inference's, because its answer says which version computed it.  Over gRPC
it travels inside a message, with status OK whatever the handler thinks of it; a refusal is
told by its form alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from model_store.errors import InvalidRequest
from serving.api.calls import Tensor, Tensors, dtype_name
from serving.api.json_text import dump_json, parse_json
from serving.api.oip_json import decode_data, encode_data
from serving.api.oip_tensors import DATATYPES, check_declared
from serving.api.protos import torchserve_inference_pb2 as pb
from serving.api.wire import parse

_SERVICE = "/org.pytorch.serve.grpc.inference.InferenceAPIsService/"
PING = _SERVICE + "Ping"
PREDICTIONS = _SERVICE + "Predictions"
PING_PATH = "/ping"

_NO_ANSWER = "it is not what an archive of easel export answers"


@dataclass(frozen=True, slots=True)
class HandlersAnswer:
    """What a handler gave back.

    Attributes:
        version: The archive's version, as text.
        outputs: By name.
        refusal: What is wrong with the request; empty when it was answered.
    """

    version: str = ""
    outputs: Tensors | None = None
    refusal: str = ""


def encode_body(inputs: Tensors) -> bytes:
    """Write the JSON body of a request.

    Raises:
        InvalidRequest: JSON cannot hold one of the tensors.
    """
    tensors, is_finite = [], True
    for name, tensor in inputs.items():
        datatype = DATATYPES[dtype_name(tensor)]
        data, is_plain = encode_data(tensor, datatype, name)
        is_finite = is_finite and is_plain
        tensors.append(
            {"name": name, "shape": list(tensor.shape), "datatype": datatype, "data": data}
        )
    return dump_json({"inputs": tensors}, is_finite=is_finite)


def decode_body(body: bytes) -> HandlersAnswer:
    """Read the JSON body of an answer or of a refusal.

    Raises:
        InvalidRequest: It is neither.
    """
    value = parse_json(body)
    if not isinstance(value, dict):
        raise InvalidRequest(_NO_ANSWER)
    if isinstance(refusal := value.get("error"), str):
        return HandlersAnswer(refusal=refusal)
    outputs, version = value.get("outputs"), value.get("model_version")
    if not isinstance(outputs, list) or not isinstance(version, str):
        raise InvalidRequest(_NO_ANSWER)
    return HandlersAnswer(version, dict(_decode_output(output) for output in outputs))


def decode_failure(body: bytes) -> str:
    """The words of a failure, TorchServe's or a handler's; empty if it has none."""
    try:
        value = parse_json(body)
    except InvalidRequest:
        return ""
    words = value.get("message") or value.get("error") if isinstance(value, dict) else None
    return words if isinstance(words, str) else ""


def _decode_output(output: Any) -> tuple[str, Tensor]:
    try:
        name, datatype, shape = output["name"], output["datatype"], output["shape"]
        is_well_formed = isinstance(name, str) and all(type(size) is int for size in shape)
        data = output["data"]
    except (KeyError, TypeError) as error:
        raise InvalidRequest(_NO_ANSWER) from error
    if not is_well_formed or not isinstance(datatype, str):
        raise InvalidRequest(_NO_ANSWER)
    dtype, elements = check_declared(name, datatype, shape)
    return name, decode_data(data, datatype, dtype, elements, name).reshape(shape)


def predictions_path(model: str, version: int | None) -> str:
    """Where REST takes what is for *model*."""
    return f"/predictions/{quote(model)}" + ("" if version is None else f"/{version}")


def encode_predictions_request(model: str, version: int | None, body: bytes) -> bytes:
    """Write a PredictionsRequest."""
    request = pb.PredictionsRequest(
        model_name=model, model_version="" if version is None else str(version)
    )
    request.input["body"] = body
    return request.SerializeToString()


def decode_prediction_response(data: bytes) -> HandlersAnswer:
    """Read a PredictionResponse.

    Raises:
        InvalidRequest: It is not one, or what is in it is no answer.
    """
    return decode_body(parse(pb.PredictionResponse, data).prediction)


def decode_is_healthy(data: bytes) -> bool:
    """Whether a TorchServeHealthResponse says that the server is well.

    Raises:
        InvalidRequest: It is not one.
    """
    return is_healthy(parse(pb.TorchServeHealthResponse, data).health.encode())


def is_healthy(body: bytes) -> bool:
    """Whether the JSON body of a ping says so.

    Raises:
        InvalidRequest: It is not JSON.
    """
    value = parse_json(body)
    return isinstance(value, dict) and value.get("status") == "Healthy"
