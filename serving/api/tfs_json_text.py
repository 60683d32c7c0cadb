"""Tensors as JSON text, with TF Serving's numbers.

A number has six digits as C's ``%g`` writes them, or as many more as it takes to read
back the same; a whole one ends in ``.0``; NaN and Infinity are bare words.  orjson writes
what this differs from only in notation, so that arrays go through it and a few of their
elements are written again.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson

from model_store.errors import InvalidRequest
from serving.api.calls import Tensor, Tensors

NO_ROWS = b'{"predictions": []}'
_BYTES_SUFFIX = "_bytes"
# Between these %g and orjson agree; zero is written alike too.
_PLAIN_FROM, _PLAIN_BELOW = 1e-4, 1e6


def encode_rows(outputs: Tensors) -> bytes:
    """``{"predictions": [...]}``: a value for each row, or an object of several outputs.

    Raises:
        InvalidRequest: The outputs have no batch axis of one length.
    """
    _check_batch(outputs)
    if len(outputs) == 1:
        ((name, tensor),) = outputs.items()
        return b'{"predictions": ' + _text(name, tensor) + b"}"
    count = len(next(iter(outputs.values())))
    rows = (
        _members({name: _text(name, tensor[row]) for name, tensor in outputs.items()})
        for row in range(count)
    )
    return b'{"predictions": [' + b",".join(rows) + b"]}"


def encode_columns(outputs: Tensors) -> bytes:
    """``{"outputs": ...}``: the tensor, or an object of several."""
    texts = {name: _text(name, tensor) for name, tensor in outputs.items()}
    value = _members(texts) if len(texts) > 1 else b"".join(texts.values())
    return b'{"outputs": ' + value + b"}"


def number_texts(numbers: Tensor) -> list[bytes]:
    """Each of a flat array of float32 or float64 as TF Serving writes it."""
    return _rewritten(numbers, _are_strange(numbers))


def _check_batch(outputs: Tensors) -> None:
    count = None
    for name, tensor in outputs.items():
        if tensor.ndim == 0:
            raise InvalidRequest(f"Tensor name: {name} has no shape information ")
        if count not in (None, len(tensor)):
            raise InvalidRequest(
                f"Tensor name: {name} has inconsistent batch size: {len(tensor)} expecting: {count}"
            )
        count = len(tensor)


def _members(texts: Mapping[str, bytes]) -> bytes:
    return b"{" + b", ".join(orjson.dumps(name) + b": " + texts[name] for name in texts) + b"}"


def _text(name: str, tensor: Tensor) -> bytes:
    if tensor.dtype == np.object_:
        strings = tensor.astype(object).tolist()
        return orjson.dumps(_readable(strings, as_base64=name.endswith(_BYTES_SUFFIX)))
    if tensor.dtype.itemsize == 2 and tensor.dtype.kind in "fV":  # halves of either kind
        tensor = tensor.astype(np.float32)
    if tensor.dtype.kind != "f":
        return _dump(tensor)
    strange = _are_strange(tensor)
    return _nested(tensor, strange) if strange.any() else _dump(tensor)


def _are_strange(numbers: Tensor) -> Tensor:
    """Which of them orjson would write in another notation."""
    size = np.abs(numbers)
    plain: Tensor = ((size >= _PLAIN_FROM) & (size < _PLAIN_BELOW)) | (size == 0)
    return ~plain


def _rewritten(numbers: Tensor, strange: Tensor) -> list[bytes]:
    texts = _dump(numbers)[1:-1].split(b",") if numbers.size else []
    places = np.flatnonzero(strange)
    for index, value in zip(places.tolist(), numbers[places].tolist(), strict=True):
        texts[index] = _in_words_of_c(value, texts[index])
    return texts


def _in_words_of_c(value: float, shortest: bytes) -> bytes:
    """A number as C's ``%g`` writes it, with the digits of its *shortest* form, or six."""
    if math.isnan(value):
        return b"NaN"
    if math.isinf(value):
        return b"Infinity" if value > 0 else b"-Infinity"
    digits = max(6, len(shortest.partition(b"e")[0].translate(None, b"-.").strip(b"0")))
    # A power of two is nearer to the number below it than to the one above: rounded to
    # as many digits as the shortest form has, it may be that one.
    digits += digits > 6 and abs(math.frexp(value)[0]) == 0.5
    text = f"{value:.{digits}g}"
    return (text if "." in text or "e" in text else text + ".0").encode()


def _readable(value: Any, *, as_base64: bool) -> Any:
    if isinstance(value, list):
        return [_readable(item, as_base64=as_base64) for item in value]
    if as_base64:
        return {"b64": base64.b64encode(value).decode()}
    # TF Serving copies the bytes; what is no UTF-8 then is no JSON.
    return value.decode(errors="replace")


def _dump(tensor: Tensor) -> bytes:
    if tensor.ndim == 0:
        return orjson.dumps(tensor.reshape(1), option=orjson.OPT_SERIALIZE_NUMPY)[1:-1]
    return orjson.dumps(np.ascontiguousarray(tensor), option=orjson.OPT_SERIALIZE_NUMPY)


def _nested(tensor: Tensor, strange: Tensor) -> bytes:
    texts = _rewritten(tensor.ravel(), strange)
    for size in reversed(tensor.shape):
        starts = range(0, len(texts), size)
        texts = [b"[" + b",".join(texts[start : start + size]) + b"]" for start in starts]
    return texts[0]
