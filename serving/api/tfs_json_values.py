"""JSON's nested lists to tensors, as TF Serving reads them.

A list of numbers goes through three passes in C: are all lists of one length, are all of
one kind, make them an array.  What does not go through is halved until the value is found
that is wrong, to say so in TF Serving's words; a long list costs little more for that.
"""

from __future__ import annotations

import base64
import binascii
import json
from itertools import chain
from typing import Any

import numpy as np

from model_store.errors import InvalidRequest
from model_store.spec import TensorSpec
from serving.api.calls import Tensor

_TYPE_NAMES = {
    "float32": "float",
    "float64": "double",
    "float16": "half",
    "bfloat16": "bfloat16",
    "bytes": "string",
}
_DEBUG_CHARACTERS = 256
# numpy's limit.
_MAX_RANK = 64
_NO_KINDS: frozenset[type] = frozenset()
_KINDS: dict[str, frozenset[type]] = {
    "f": frozenset({int, float}),
    "V": frozenset({int, float}),  # bfloat16, which is not numpy's own
    "i": frozenset({int}),
    "u": frozenset({int}),
    "b": frozenset({bool}),
}


def read_tensor(value: Any, spec: TensorSpec) -> Tensor:
    """Read a number, a string or nested lists of them; the shape is the value's own.

    Raises:
        InvalidRequest: The lists are ragged, or a value is not of the spec's dtype.
    """
    shape = dense_shape(value)
    tensor = try_read(value, shape, spec.dtype)
    if tensor is None:
        raise _complaint(value, 0, shape, spec.dtype)
    return tensor


def try_read(value: Any, shape: tuple[int, ...], dtype: str) -> Tensor | None:
    """Read nested lists of that shape and dtype; None if they are not."""
    flat = [value]
    for size in shape:
        if not set(map(type, flat)) <= {list} or not set(map(len, flat)) <= {size}:
            return None
        flat = list(chain.from_iterable(flat))
    tensor = _as_array(flat, dtype)
    return None if tensor is None else tensor.reshape(shape)


def first_unlike(items: list[Any], shape: tuple[int, ...], dtype: str) -> int:
    """The place of the first item that is not of that shape and dtype; there must be one."""
    start, end = 0, len(items)
    while end - start > 1:
        middle = (start + end) // 2
        half = items[start:middle]
        if try_read(half, (len(half), *shape), dtype) is None:
            end = middle
        else:
            start = middle
    return start


def dense_shape(value: Any) -> tuple[int, ...]:
    """The shape that nested lists have if they are not ragged: that of their first elements.

    Raises:
        InvalidRequest: They are nested more deeply than a tensor can be.
    """
    shape = []
    while isinstance(value, list):
        shape.append(len(value))
        if not value:
            break
        value = value[0]
    if len(shape) > _MAX_RANK:
        raise InvalidRequest(f"a tensor has at most {_MAX_RANK} axes, got {len(shape)}")
    return tuple(shape)


def is_base64(value: Any) -> bool:
    """Whether this is the object that stands for bytes: ``{"b64": "..."}``, no more keys."""
    return isinstance(value, dict) and len(value) == 1 and isinstance(value.get("b64"), str)


def decode_base64(value: Any) -> bytes:
    """The bytes of ``{"b64": "..."}``; padding may lack.

    Raises:
        InvalidRequest: It is another object, or not base64.
    """
    if not is_base64(value):
        raise InvalidRequest(
            f"JSON Value: {debug_text(value)} not formatted correctly for base64 data"
        )
    text = "".join(value["b64"].split()).rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidRequest("Unable to base64 decode") from error


def debug_text(value: Any) -> str:
    """A value for an error message: its JSON, cut after 256 characters."""
    text = ""
    for piece in json.JSONEncoder().iterencode(value):
        text += piece
        if len(text) >= _DEBUG_CHARACTERS:
            break
    return text[:_DEBUG_CHARACTERS]


def type_text(value: Any) -> str:
    """JSON's name for a value's type, as TF Serving's parser calls it."""
    match value:
        case None:
            return "Null"
        case bool():
            return str(value)
        case dict():
            return "Object"
        case list():
            return "Array"
        case str():
            return "String"
        case _:
            return "Number"


def type_error(value: Any, dtype: str) -> InvalidRequest:
    """What to raise for a value that is none of *dtype*'s."""
    return InvalidRequest(
        f"JSON Value: {debug_text(value)} Type: {type_text(value)} "
        f"is not of expected type: {_TYPE_NAMES.get(dtype, dtype)}"
    )


def _as_array(flat: list[Any], dtype: str) -> Tensor | None:
    """A flat array of numbers or bytes; None if one does not fit."""
    if dtype == "bytes":
        return _as_strings(flat)
    wanted = np.dtype(dtype)
    if not set(map(type, flat)) <= _KINDS.get(wanted.kind, _NO_KINDS):
        return None
    try:
        if wanted.kind in "iu":
            return np.array(flat, wanted)
        # By way of float64: TensorFlow rounds a number that it has read as a double.
        with np.errstate(over="ignore"):
            return np.array(flat, np.float64).astype(wanted)
    except OverflowError:
        return None


def _as_strings(flat: list[Any]) -> Tensor | None:
    if not set(map(type, flat)) <= {str, dict}:
        return None
    tensor = np.empty(len(flat), object)
    try:
        tensor[:] = [
            each.encode() if isinstance(each, str) else decode_base64(each) for each in flat
        ]
    except InvalidRequest:
        return None
    return tensor


def _complaint(value: Any, level: int, shape: tuple[int, ...], dtype: str) -> InvalidRequest:
    """What is wrong with nested lists that cannot be read."""
    if not isinstance(value, list):
        return _leaf_complaint(value, level, len(shape), dtype)
    if level >= len(shape):
        return InvalidRequest(
            f"Encountered list at unexpected level: {level} expected < {len(shape)}"
        )
    if len(value) != shape[level]:
        return InvalidRequest(
            f"Encountered list at unexpected size: {len(value)} at level: {level} "
            f"expected size: {shape[level]}"
        )
    bad = value[first_unlike(value, shape[level + 1 :], dtype)]
    return _complaint(bad, level + 1, shape, dtype)


def _leaf_complaint(value: Any, level: int, rank: int, dtype: str) -> InvalidRequest:
    if level != rank:
        return InvalidRequest(
            f"JSON Value: {debug_text(value)} found at incorrect level: {level + 1} "
            f"in the JSON DOM. Expected at level: {rank}"
        )
    if dtype == "bytes" and isinstance(value, dict):
        try:
            decode_base64(value)
        except InvalidRequest as error:
            return error
    return type_error(value, dtype)
