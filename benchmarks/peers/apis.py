"""What the peers are sent: each API's bytes for the same images, and the scores in its answer."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.calls import (
    Scores,
    check_scores,
    grpc_call,
    http_call,
    infer_message,
    predict_message,
    read_infer,
    read_predict,
)
from benchmarks.inputs import Tensors, golden
from benchmarks.load import Call
from serving.api import oip, tfs

_JSON = ("content-type:application/json",)
_BYTES = ("content-type:application/octet-stream",)
_TORCHSERVE = "/org.pytorch.serve.grpc.inference.InferenceAPIsService/Predictions"
_OUTPUT = "scores"


@dataclass(frozen=True, slots=True)
class Request:
    """One API's request.

    Attributes:
        path: Of the URL, or the gRPC method.
        body: Not framed.
        headers: As ``name:value``; for gRPC none.
        read: Finds the scores in the answer's body; their shape is the caller's to know.
    """

    path: str
    body: bytes
    headers: tuple[str, ...]
    read: Callable[[bytes], Scores]


Api = Callable[[str, Tensors], Request]


def oip_grpc(model: str, tensors: Tensors) -> Request:
    """Open Inference's ModelInfer with raw contents."""
    return Request(oip.MODEL_INFER, infer_message(tensors, model), (), read_infer)


def tfs_grpc(model: str, tensors: Tensors) -> Request:
    """TF Serving's Predict."""
    return Request(tfs.PREDICT, predict_message(tensors, model), (), read_predict)


def oip_binary(model: str, tensors: Tensors) -> Request:
    """Open Inference over HTTP, tensors in binary both ways."""
    pixels = tensors.inputs.tobytes()
    head = {
        "inputs": [_described(tensors) | {"parameters": {"binary_data_size": len(pixels)}}],
        "outputs": [{"name": _OUTPUT, "parameters": {"binary_data": True}}],
    }
    text = _dump(head)
    headers = (*_BYTES, f"inference-header-content-length:{len(text)}")
    tail_bytes = tensors.scores.nbytes
    return Request(
        f"/v2/models/{model}/infer", text + pixels, headers, lambda body: _raw(body[-tail_bytes:])
    )


def oip_json(model: str, tensors: Tensors) -> Request:
    """Open Inference over HTTP, all in JSON."""
    data = tensors.inputs.ravel().tolist()
    body = _dump({"inputs": [_described(tensors) | {"data": data}]})

    def read(answer: bytes) -> Scores:
        return np.asarray(json.loads(answer)["outputs"][0]["data"], np.float32)

    return Request(f"/v2/models/{model}/infer", body, _JSON, read)


def tfs_json(model: str, tensors: Tensors) -> Request:
    """TF Serving's REST, in rows."""
    body = _dump({"instances": tensors.inputs.tolist()})

    def read(answer: bytes) -> Scores:
        return np.asarray(json.loads(answer)["predictions"], np.float32)

    return Request(f"/v1/models/{model}:predict", body, _JSON, read)


def renamed(api: Api, name: str) -> Api:
    """*api* of a server that has the model under another name, such as ``{}_http``."""
    return lambda model, tensors: api(name.format(model), tensors)


def raw_bytes(prefix: str) -> Api:
    """Pixels in, scores out, with nothing round them; *prefix* goes before the model's name."""

    def api(model: str, tensors: Tensors) -> Request:
        return Request(f"{prefix}{model}", tensors.inputs.tobytes(), _BYTES, _raw)

    return api


def base64_json(model: str, tensors: Tensors) -> Request:
    """LitServe's: all images in one base64 text."""
    body = _dump({"image": base64.b64encode(tensors.inputs.tobytes()).decode()})

    def read(answer: bytes) -> Scores:
        return np.asarray(json.loads(answer)["scores"], np.float32)

    return Request(f"/{model}", body, _JSON, read)


def base64_list(model: str, tensors: Tensors) -> Request:
    """BentoML's: a list of base64 texts, which is its batch."""
    images = [base64.b64encode(image.tobytes()).decode() for image in tensors.inputs]

    def read(answer: bytes) -> Scores:
        return np.asarray(json.loads(answer), np.float32)

    return Request(f"/{model}", _dump({"images": images}), _JSON, read)


def torchserve_grpc(model: str, tensors: Tensors) -> Request:
    """TorchServe's Predictions: ``{1: model, 3: {"body": bytes}}`` to ``{1: bytes}``."""
    entry = _field(1, b"body") + _field(2, tensors.inputs.tobytes())
    message = _field(1, model.encode()) + _field(3, entry)
    tail_bytes = tensors.scores.nbytes
    return Request(_TORCHSERVE, message, (), lambda answer: _raw(answer[-tail_bytes:]))


def to_call(api: Api, model: str, rows: int, store: Path, file: Path) -> Call:
    """The call of one API with *rows* golden images; its body goes into *file*."""
    tensors = golden(store, rows, model)
    request = api(model, tensors)

    def read(answer: bytes) -> Scores:
        scores = request.read(answer)
        return (
            scores.reshape(tensors.scores.shape) if scores.size == tensors.scores.size else scores
        )

    if not request.headers:
        return grpc_call(request.path, request.body, read, tensors.scores, file)
    return http_call(
        request.path, request.body, request.headers,
        lambda answer: check_scores(read(answer), tensors.scores), file,
    )  # fmt: skip


def _described(tensors: Tensors) -> dict[str, Any]:
    return {"name": tensors.name, "shape": list(tensors.inputs.shape), "datatype": "UINT8"}


def _dump(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _raw(body: bytes) -> Scores:
    return np.frombuffer(body, np.float32) if len(body) % 4 == 0 else np.empty(0, np.float32)


def _field(number: int, value: bytes) -> bytes:
    """A length-delimited protobuf field."""
    return bytes([number << 3 | 2]) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    groups = bytearray()
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    groups.append(value)
    return bytes(groups)
