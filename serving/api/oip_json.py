"""One tensor of Open Inference over HTTP: the ``data`` of JSON <-> numpy arrays."""

from __future__ import annotations

import struct
from itertools import chain
from typing import Any

import numpy as np

from model_store.errors import InvalidRequest
from serving.api.calls import Tensor
from serving.api.oip_tensors import RAW_ONLY, object_array

# struct is stricter than numpy, which makes 1 of 1.5 and 7 of "7", and three times as fast.
_PACKED = {
    "INT8": "b", "INT16": "h", "INT32": "i", "INT64": "q",
    "UINT8": "B", "UINT16": "H", "UINT32": "I", "UINT64": "Q",
    "FP32": "f", "FP64": "d",
}  # fmt: skip


def decode_data(
    data: object, datatype: str, dtype: np.dtype[Any], elements: int, where: str
) -> Tensor:
    """Read ``data``: a list, flat or nested in whatever way, in row-major order.

    Args:
        data: As parsed.
        datatype: The protocol's name, for messages.
        dtype: The same as numpy's; object for byte strings, which JSON has as text.
        elements: How many there must be.
        where: Of which input, for messages.

    Returns:
        A tensor of one axis; one of numbers cannot be written.

    Raises:
        InvalidRequest: Too many, too few, or not all of the datatype.
    """
    if datatype in RAW_ONLY:
        raise InvalidRequest(
            f"{datatype} is accepted as binary data only, in {where}; "
            "send it after the JSON, with the parameter binary_data_size"
        )
    values = _flat(data, where)
    if len(values) != elements:
        raise InvalidRequest(
            f"Unable to parse 'data': Shape does not match true shape of 'data' field: "
            f"expected {elements} elements, got {len(values)} in {where}"
        )
    if dtype == np.object_:
        return object_array(_encoded(values, where))
    if dtype == np.bool_:
        return _booleans(values, where)
    return _numbers(values, datatype, dtype, where)


def _flat(data: object, where: str) -> list[Any]:
    """The elements in their order, out of lists in lists."""
    if type(data) is not list:
        raise InvalidRequest(f"'data' must be a list, in {where}")
    values: list[Any] = data
    while values and type(values[0]) is list:
        if set(map(type, values)) != {list}:
            raise InvalidRequest(f"'data' has lists beside elements, in {where}")
        values = list(chain.from_iterable(values))
    return values


def _numbers(values: list[Any], datatype: str, dtype: np.dtype[Any], where: str) -> Tensor:
    try:
        if values and type(values[0]) is bool:
            raise TypeError
        if datatype == "UINT8":  # most pictures
            return np.frombuffer(bytes(values), dtype)
        packed = struct.pack(f"<{len(values)}{_PACKED[datatype]}", *values)
        return np.frombuffer(packed, dtype)
    except (struct.error, TypeError, ValueError, OverflowError) as error:
        numbers = (int, float) if dtype.kind == "f" else (int,)
        if all(type(value) in numbers for value in values):
            raise InvalidRequest(f"a value does not fit {datatype} in {where}") from error
        raise InvalidRequest(f"'data' must hold nothing but {datatype}, in {where}") from error


def _booleans(values: list[Any], where: str) -> Tensor:
    if not all([value is True or value is False for value in values]):
        raise InvalidRequest(f"'data' must hold nothing but true and false, in {where}")
    return np.array(values, np.bool_)


def _encoded(values: list[Any], where: str) -> list[bytes]:
    try:
        return [str.encode(value) for value in values]
    except TypeError as error:
        raise InvalidRequest(f"'data' must hold nothing but strings, in {where}") from error
    except UnicodeEncodeError as error:
        raise InvalidRequest(f"half a surrogate pair is no text, in {where}") from error


def encode_data(tensor: Tensor, datatype: str, name: str) -> tuple[object, bool]:
    """An output's ``data``, flat, and whether all of it is finite.

    Raises:
        InvalidRequest: JSON cannot hold it; the caller should have asked for binary data.
    """
    if datatype in RAW_ONLY:
        raise InvalidRequest(
            f"output '{name}' is {datatype}, which JSON does not hold; ask for binary_data"
        )
    if tensor.dtype == np.object_:
        try:
            return [string.decode() for string in tensor.ravel().tolist()], True
        except UnicodeDecodeError as error:
            raise InvalidRequest(
                f"output '{name}' holds bytes that are not UTF-8; ask for binary_data"
            ) from error
    flat = np.ascontiguousarray(tensor).ravel()
    return flat, tensor.dtype.kind != "f" or bool(np.isfinite(flat).all())
