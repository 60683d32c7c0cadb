"""What an ONNX file says about itself before ONNX Runtime opens it.

ONNX Runtime does not tell which other files a graph reads, nor a scalar from a tensor of
unknown rank.  Both stand in the file, a protobuf ``onnx.ModelProto``; its fields are
walked here without a copy of the weights.  Numbers are those of onnx/onnx.proto.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from model_store.errors import BadVersion

_Kind = Literal["model", "graph", "node", "attribute", "tensor", "sparse", "function"]

# Fields to go into, by the message they stand in: where a tensor can hide.
_INSIDE: Mapping[_Kind, Mapping[int, _Kind]] = {
    "model": {7: "graph", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
_IR_VERSION, _OPSET_IMPORT, _MODEL_GRAPH = 1, 8, 7
_GRAPH_INPUT, _GRAPH_OUTPUT = 11, 12
_EXTERNAL_DATA = 13
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MAX_DEPTH = 64


class NotOnnx(ValueError):
    """The bytes are not what they should be."""


@dataclass(frozen=True, slots=True)
class OnnxFacts:
    """What the file says.

    Attributes:
        ir_version: Of the file format.
        opsets: Version of each operator set, by domain; ONNX's own is "".
        external: Files beside it that hold weights, as it names them.
        unranked: Inputs and outputs without a shape.
    """

    ir_version: int
    opsets: Mapping[str, int]
    external: frozenset[str]
    unranked: frozenset[str]

    def __str__(self) -> str:
        opsets = ", ".join(f"{name or 'onnx'} {number}" for name, number in self.opsets.items())
        return f"IR version {self.ir_version}, operator sets {opsets or 'unnamed'}"


def read_facts(path: Path) -> OnnxFacts:
    """Read the facts of the ONNX file at *path*.

    Raises:
        BadVersion: It cannot be read or is no ONNX file.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as map_:
            view = memoryview(map_)
            try:
                return find_facts(view)
            finally:
                view.release()
    except (OSError, ValueError) as error:
        raise BadVersion(f"{path.name} is not an ONNX file: {error}") from error


def find_facts(data: memoryview) -> OnnxFacts:
    """Read the facts of a serialised ``onnx.ModelProto``.

    Raises:
        NotOnnx: It is not one.
    """
    ir_version, opsets, unranked = 0, {}, frozenset[str]()
    for field, value in _fields(data):
        if field == _IR_VERSION and isinstance(value, int):
            ir_version = value
        elif field == _OPSET_IMPORT and not isinstance(value, int):
            parts = dict(_fields(value))
            opsets[_text(parts.get(1, b""))] = _whole(parts.get(2, 0))
        elif field == _MODEL_GRAPH and not isinstance(value, int):
            unranked |= frozenset(_unranked(value))
    return OnnxFacts(ir_version, opsets, frozenset(_external(data, "model", 0)), unranked)


def _external(data: memoryview, kind: _Kind, depth: int) -> Iterator[str]:
    """Locations that the tensors in *data* name."""
    if depth > _MAX_DEPTH:
        raise NotOnnx("graphs are nested too deeply")
    for field, value in _fields(data):
        if isinstance(value, int):
            continue
        if kind == "tensor" and field == _EXTERNAL_DATA:
            entry = dict(_fields(value))
            if _text(entry.get(1, b"")) == "location":
                yield _text(entry.get(2, b""))
        elif inner := _INSIDE[kind].get(field):
            yield from _external(value, inner, depth + 1)


def _unranked(graph: memoryview) -> Iterator[str]:
    for field, value in _fields(graph):
        if field in (_GRAPH_INPUT, _GRAPH_OUTPUT) and not isinstance(value, int):
            info = dict(_fields(value))
            tensor_type = dict(_fields(_message(dict(_fields(_message(info.get(2)))).get(1))))
            if 2 not in tensor_type:
                yield _text(info.get(1, b""))


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Field numbers and values of one message; fixed-width ones are left out."""
    at, end = 0, len(data)
    while at < end:
        tag, at = _varint(data, at)
        wire_type = tag & 7
        if wire_type == _VARINT:
            value, at = _varint(data, at)
            yield tag >> 3, value
        elif wire_type == _BYTES:
            length, at = _varint(data, at)
            if at + length > end:
                raise NotOnnx("it ends too early")
            yield tag >> 3, data[at : at + length]
            at += length
        elif wire_type in (_FIXED64, _FIXED32):
            at += 8 if wire_type == _FIXED64 else 4
        else:
            raise NotOnnx("it is not a protobuf message")


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for index in range(10):
        if at + index >= len(data):
            raise NotOnnx("it ends too early")
        byte = data[at + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, at + index + 1
    raise NotOnnx("it is not a protobuf message")


def _message(value: int | memoryview | None) -> memoryview:
    return value if isinstance(value, memoryview) else memoryview(b"")


def _text(value: int | bytes | memoryview) -> str:
    if isinstance(value, int):
        raise NotOnnx("it is not an ONNX file")
    return bytes(value).decode("utf-8")


def _whole(value: int | memoryview) -> int:
    if not isinstance(value, int):
        raise NotOnnx("it is not an ONNX file")
    return value
