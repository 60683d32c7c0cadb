"""Open Inference's messages with raw tensors, without reading and writing what they repeat.

A caller says the same with each request, names, types and shapes, and sends other bytes.  A
protobuf message is its fields one after the other, so that one which ends with its raw tensor
is a message and then that field: what the message says is read once and known from then on.
An answer's names, types and shapes are written once likewise.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from model_store.errors import InvalidRequest
from serving.api.calls import Answer, Prediction
from serving.api.oip_requests import InferOptions
from serving.api.oip_tensors import encode_raw
from serving.api.protos import inference_pb2 as pb
from serving.api.wire import parse

# Fields of both messages that hold bytes, as protobuf writes their numbers.
_RAW_INPUT, _RAW_OUTPUT, _ID = (bytes([number << 3 | 2]) for number in (7, 6, 3))
# Longer heads hold something that is seldom said twice.
_HEAD_BYTES = 1024
# Requests are told apart by their length first: so many are remembered.
_LENGTHS = 64


@dataclass(frozen=True, slots=True)
class InferCall:
    """A ModelInferRequest: what to predict, and how the answer is to be written.

    Attributes:
        prediction: The call itself.
        options: How to run it.
        id: The caller's own word for this request, given back with the answer.
        is_raw: Whether the answer's tensors go into ``raw_output_contents``.
    """

    prediction: Prediction
    options: InferOptions
    id: str
    is_raw: bool


@dataclass(frozen=True, slots=True)
class _Known:
    """All of a request but its one tensor's bytes, with which it ends, and what it asked."""

    head: bytes
    call: InferCall
    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]


class KnownRequests:
    """Requests that came twice but for their tensor."""

    def __init__(self) -> None:
        self._seen: dict[int, bytes] = {}
        self._known: dict[int, _Known] = {}

    def find(self, data: bytes) -> InferCall | None:
        """What *data* asks, if it is one of them."""
        known = self._known.get(len(data))
        if known is None or not data.startswith(known.head):
            return None
        call, old = known.call, known.call.prediction
        tensor = np.frombuffer(data, known.dtype, offset=len(known.head))
        # The head's length decides where it lies; not every runtime reads it anywhere.
        tensor = tensor if tensor.flags.aligned else tensor.copy()
        inputs = {known.name: tensor.reshape(known.shape)}
        prediction = Prediction(old.model, inputs, old.outputs, priority=old.priority)
        return InferCall(prediction, call.options, call.id, is_raw=True)

    def note(self, data: bytes, request: pb.ModelInferRequest, call: InferCall) -> None:
        """*data* is *request* and asks *call*; remember it when it has come twice."""
        raws = request.raw_input_contents
        if len(raws) != 1 or not raws[0] or len(request.inputs) != 1:
            return
        ((name, tensor),) = call.prediction.inputs.items()
        length = len(data)
        head = data[: length - len(raws[0])]
        if len(head) > _HEAD_BYTES or tensor.dtype == np.object_:
            return
        if self._seen.get(length) != head:
            _make_room(self._seen)
            self._seen[length] = head
        elif _is_apart(data, head, request):
            _make_room(self._known)
            asked = replace(call, prediction=replace(call.prediction, inputs={}))
            self._known[length] = _Known(head, asked, name, tensor.dtype, tensor.shape)


def _make_room(remembered: dict[int, bytes] | dict[int, _Known]) -> None:
    if len(remembered) >= _LENGTHS:
        remembered.clear()


def _is_apart(data: bytes, head: bytes, request: pb.ModelInferRequest) -> bool:
    """Whether *data* is a message without the tensor, and then the tensor's field.

    A field is its number, its length and its bytes; where the same bytes stand at the end by
    chance, within another field, what is before them is no message, or another one.
    """
    raw = request.raw_input_contents[0]
    field = _RAW_INPUT + _varint(len(raw))
    if not head.endswith(field) or not data.endswith(raw):
        return False
    try:
        alone = parse(pb.ModelInferRequest, head[: -len(field)])
    except InvalidRequest:
        return False
    alone.raw_input_contents.append(raw)
    return alone == request


def encode_raw_answer(answer: Answer, datatypes: list[str], request_id: str) -> bytes:
    """Write a ModelInferResponse whose tensors are raw; *datatypes* are the outputs'."""
    outputs = answer.outputs
    shapes = tuple([tensor.shape for tensor in outputs.values()])
    model = answer.model
    parts = [_answer_head(model.name, model.number, tuple(outputs), tuple(datatypes), shapes)]
    if request_id:
        parts += _field(_ID, request_id.encode())
    for tensor in outputs.values():
        parts += _field(_RAW_OUTPUT, encode_raw(tensor))
    return b"".join(parts)


@lru_cache(maxsize=256)
def _answer_head(
    model: str,
    number: int,
    names: tuple[str, ...],
    datatypes: tuple[str, ...],
    shapes: tuple[tuple[int, ...], ...],
) -> bytes:
    response = pb.ModelInferResponse(model_name=model, model_version=str(number))
    for name, datatype, shape in zip(names, datatypes, shapes, strict=True):
        response.outputs.add(name=name, datatype=datatype, shape=shape)
    return response.SerializeToString()


def _field(number: bytes, value: bytes) -> tuple[bytes, bytes, bytes]:
    return number, _varint(len(value)), value


@lru_cache(maxsize=256)
def _varint(value: int) -> bytes:
    """Seven bits a byte, the least first (protobuf.dev, "Encoding")."""
    octets = bytearray()
    while value > 0x7F:
        octets.append(value & 0x7F | 0x80)
        value >>= 7
    octets.append(value)
    return bytes(octets)
