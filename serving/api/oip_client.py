"""Open Inference's messages as a client writes and reads them; tensors as in ``oip_tensors``."""

from __future__ import annotations

from serving.api.calls import Prediction, Tensor, Tensors, dtype_name
from serving.api.oip_tensors import DATATYPES, decode_input, encode_raw
from serving.api.protos import inference_pb2 as pb
from serving.api.wire import parse


def encode_infer_request(prediction: Prediction) -> bytes:
    """Write a ModelInferRequest with raw contents, which every server reads."""
    ref = prediction.model
    request = pb.ModelInferRequest(
        model_name=ref.name, model_version="" if ref.version is None else str(ref.version)
    )
    for name, tensor in prediction.inputs.items():
        request.inputs.add(name=name, datatype=DATATYPES[dtype_name(tensor)], shape=tensor.shape)
        request.raw_input_contents.append(encode_raw(tensor))
    return request.SerializeToString()


def decode_infer_response(data: bytes) -> tuple[str, Tensors]:
    """Read a ModelInferResponse, raw or typed: the server's word for its version, the outputs.

    Raises:
        InvalidRequest: It is not one, or its tensors are not what they say they are.
    """
    response = parse(pb.ModelInferResponse, data)
    raw = response.raw_output_contents
    outputs: dict[str, Tensor] = {}
    for index, output in enumerate(response.outputs):
        contents = raw[index] if index < len(raw) else None
        outputs[output.name] = decode_input(output, contents, response.model_name)
    return response.model_version, outputs


def encode_server_ready_request() -> bytes:
    """Ask for the whole server."""
    return pb.ServerReadyRequest().SerializeToString()


def decode_is_ready(response: bytes) -> bool:
    """Whether a ServerReadyResponse says so.

    Raises:
        InvalidRequest: It is not one.
    """
    return parse(pb.ServerReadyResponse, response).ready
