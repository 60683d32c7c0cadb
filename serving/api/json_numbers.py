"""Lists of numbers in JSON straight to arrays, without a Python object for each.

simdjson tells numbers from everything else and lays them side by side; how the lists are
nested is read from the brackets and commas that remain of the text without its numbers.
What is not as plain as that is for the caller to read the usual way, so that nothing here
needs an error message.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import simdjson

from serving.api.calls import Tensor

# What numbers are written with, and what may stand around them.
_NUMBER_BYTES = b"0123456789+-.eE \t\r\n"
# How simdjson lays numbers down for a numpy kind.
_LAYOUTS: Mapping[str, tuple[str, np.dtype[Any]]] = {
    "f": ("d", np.dtype(np.float64)),
    "i": ("i", np.dtype(np.int64)),
    "u": ("u", np.dtype(np.uint64)),
}
_MAX_RANK = 64
# Where simdjson stops counting a list's elements.
_MAX_COUNT = 0xFFFFFF


class NumberDocument:
    """A JSON object, some of whose members are lists of numbers."""

    def __init__(self, root: simdjson.Object, body: bytes) -> None:
        self._root = root
        self._body = body
        # To ask simdjson for a member that is not there costs an exception.
        self._keys = frozenset(root.keys())

    def has(self, key: str) -> bool:
        """Whether there is a member of that name."""
        return key in self._keys

    def text(self, key: str) -> str | None:
        """A member that is a string; empty if it is not there, None if it is something else."""
        value = self._root[key] if self.has(key) else ""
        return value if isinstance(value, str) else None

    def inside(self, key: str) -> NumberDocument | None:
        """A member that is an object; None if it is something else."""
        value = self._root[key]
        return NumberDocument(value, self._body) if isinstance(value, simdjson.Object) else None

    def numbers(self, key: str, dtype: str) -> Tensor | None:
        """A member that is nested lists of numbers, all of which fit *dtype*; else None."""
        layout = _LAYOUTS.get(np.dtype(dtype).kind) if dtype != "bytes" else None
        value: Any = self._root[key]
        shape = _shape(value)
        if layout is None or not shape or not _is_nested_like(shape, self._body, key):
            return None
        of_type, wide = layout
        try:
            flat = np.frombuffer(value.as_buffer(of_type=of_type), wide)
        except (TypeError, ValueError):  # true, null, text; 1.5 among whole numbers
            return None
        return None if flat.size != math.prod(shape) else _narrow(flat, np.dtype(dtype), shape)


def open_numbers(body: bytes) -> NumberDocument | None:
    """Parse *body*; None if it is not a JSON object by the book."""
    try:
        root = simdjson.Parser().parse(body)
    except (ValueError, RuntimeError):  # the latter for whole numbers of more than 64 bits
        return None
    return NumberDocument(root, body) if isinstance(root, simdjson.Object) else None


def _shape(value: Any) -> tuple[int, ...]:
    """The shape that its first elements have; empty if that is no shape of numbers."""
    shape = []
    while isinstance(value, simdjson.Array):
        shape.append(len(value))
        if not 0 < shape[-1] < _MAX_COUNT or len(shape) > _MAX_RANK:
            return ()
        value = value[0]
    return tuple(shape) if type(value) in {int, float} else ()


def _is_nested_like(shape: tuple[int, ...], body: bytes, key: str) -> bool:
    """Whether the member *key* of the text is nested like that in all its elements."""
    skeleton = body.translate(None, _NUMBER_BYTES)
    name = b'"' + key.encode().translate(None, _NUMBER_BYTES) + b'":'
    _, _, value = skeleton.partition(name)
    # Twice in the text, it is not clear which of them is the member.
    return name not in value and value.startswith(_skeleton(shape))


@lru_cache(maxsize=16)
def _skeleton(shape: tuple[int, ...]) -> bytes:
    text = b""
    for size in reversed(shape):
        text = b"[" + b",".join([text] * size) + b"]"
    return text


def _narrow(flat: Tensor, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Tensor | None:
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            return flat.astype(dtype, copy=False).reshape(shape)
    limits = np.iinfo(dtype)
    if flat.min() < limits.min or flat.max() > limits.max:
        return None
    return flat.astype(dtype, copy=False).reshape(shape)
