"""The calls that servers are loaded with: their bytes, and the proof that answers are right."""

from __future__ import annotations

import base64
import json
import urllib.request
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from typing import Any

import grpc
import numpy as np
from numpy.typing import NDArray

from benchmarks import inputs
from benchmarks.load import Call, NoAnswer, WrongAnswer
from model_store.preprocess import to_tensor
from serving.api import oip, tfs
from serving.api.calls import ModelRef, Prediction
from serving.api.protos import inference_pb2 as pb
from serving.engine.onnx_runtime import OrtSession

_TIMEOUT_S = 30.0
_FRAME_BYTES = 5
# Another runtime, another batch size: the last digits of a float32 differ.
_TOLERANCE = 1e-4
_GRPC_HEADERS = ("content-type:application/grpc", "te:trailers")
_JSON_HEADERS = ("content-type:application/json",)
_ROUTE = "/api/numbers"

Scores = NDArray[Any]


def infer_message(tensors: inputs.Tensors, model: str = inputs.MODEL) -> bytes:
    """A ModelInferRequest with the images as raw bytes."""
    request = pb.ModelInferRequest(model_name=model)
    request.inputs.add(name=tensors.name, datatype="UINT8", shape=tensors.inputs.shape)
    request.raw_input_contents.append(tensors.inputs.tobytes())
    return request.SerializeToString()


def infer_call(store: Path, rows: int, work: Path, model: str = inputs.MODEL) -> Call:
    """Open Inference's ModelInfer with *rows* images as raw bytes."""
    tensors = inputs.golden(store, rows, model)
    message = infer_message(tensors, model)
    file = work / f"ModelInfer-{model}-{rows}.bin"
    return grpc_call(oip.MODEL_INFER, message, read_infer, tensors.scores, file)


def read_infer(answer: bytes) -> Scores:
    """Scores of a ModelInferResponse with raw contents."""
    response = pb.ModelInferResponse.FromString(answer)
    shape = tuple(response.outputs[0].shape)
    return np.frombuffer(response.raw_output_contents[0], np.float32).reshape(shape)


def predict_message(tensors: inputs.Tensors, model: str = inputs.MODEL) -> bytes:
    """A PredictRequest with the images as ``tensor_content``."""
    return tfs.encode_predict_request(Prediction(ModelRef(model), {tensors.name: tensors.inputs}))


def predict_call(store: Path, rows: int, work: Path) -> Call:
    """TF Serving's Predict with *rows* images."""
    tensors = inputs.golden(store, rows)
    file = work / f"Predict-{rows}.bin"
    return grpc_call(tfs.PREDICT, predict_message(tensors), read_predict, tensors.scores, file)


def read_predict(answer: bytes) -> Scores:
    """Scores of a PredictResponse."""
    (scores,) = tfs.decode_predict_response(answer).outputs.values()
    return scores


def drawing_call(store: Path, work: Path) -> Call:
    """POST of a drawing as the page sends it; ours and the old way have the same route."""
    picture = inputs.drawing()
    contract = inputs.contract_of(store)
    session = OrtSession(inputs.graph_of(store), intra_op_threads=1)
    names = [spec.name for spec in session.signature.outputs]
    wanted = session.run(names, {contract.tensor: to_tensor(picture, contract)})[0]
    text = "data:image/png;base64," + base64.b64encode(picture).decode()
    body = json.dumps({"base64_drawing": text}).encode()

    def check(answer: bytes) -> None:
        _check_label(json.loads(answer), wanted[0])

    return http_call(_ROUTE, body, _JSON_HEADERS, check, work / "drawing.json")


def http_call(
    path: str, body: bytes, headers: tuple[str, ...], check: Callable[[bytes], None], file: Path
) -> Call:
    """A POST over HTTP/1.1.

    Args:
        path: Of the URL.
        body: What is sent.
        headers: As ``name:value``.
        check: Raises WrongAnswer for a wrong answer.
        file: Where the body is put for the client.
    """

    def verify(address: str) -> int:
        named = dict(header.split(":", 1) for header in headers)
        request = urllib.request.Request(f"http://{address}{path}", body, named)
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:
                answer: bytes = response.read()
        except (OSError, HTTPException) as error:
            raise NoAnswer(f"{address}{path}: {error}") from error
        check(answer)
        return len(answer)

    return Call(path, _save(body, file), headers, False, verify)


def grpc_call(
    path: str, message: bytes, read: Callable[[bytes], Scores], wanted: Scores, file: Path
) -> Call:
    """A unary call, framed into *file*; *read* finds the scores in an answer."""
    framed = b"\0" + len(message).to_bytes(4, "big") + message

    def verify(address: str) -> int:
        # A connection of its own: a shared one would wait before it is tried again.
        options = [("grpc.use_local_subchannel_pool", 1)]
        try:
            with grpc.insecure_channel(address, options) as channel:
                answer: bytes = channel.unary_unary(path)(message, timeout=_TIMEOUT_S)
        except grpc.RpcError as error:
            raise NoAnswer(f"{address}: {error.code().name}: {error.details()}") from error
        check_scores(read(answer), wanted)
        return _FRAME_BYTES + len(answer)

    return Call(path, _save(framed, file), _GRPC_HEADERS, True, verify)


def _save(body: bytes, path: Path) -> Path:
    path.write_bytes(body)
    return path


def check_scores(got: Scores, wanted: Scores) -> None:
    """Raise WrongAnswer unless the scores are those of the source model."""
    if got.shape != wanted.shape or not np.allclose(got, wanted, rtol=0.0, atol=_TOLERANCE):
        raise WrongAnswer("the scores are not those of the golden samples")


def _check_label(answer: dict[str, Any], wanted: Scores) -> None:
    scores = {each["label"]: each["score"] for each in answer["predictions"]}
    got = np.array([scores[str(digit)] for digit in range(len(wanted))])
    if answer["label"] != inputs.DRAWN_LABEL:
        raise WrongAnswer(f"a drawn {inputs.DRAWN_LABEL} was called {answer['label']!r}")
    check_scores(got, wanted)
