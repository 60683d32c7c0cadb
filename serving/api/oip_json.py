"""One tensor of Open Inference over HTTP: the ``data`` of JSON <-> numpy arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from model_store.errors import InvalidRequest
from serving.api.calls import Tensor
from serving.api.oip_tensors import object_array

# Neither has a form in JSON that both sides read to the same bits.
RAW_ONLY = ("FP16", "BF16")
_KINDS = {"b": "bui", "i": "ui", "u": "ui", "f": "fui"}


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
        A tensor of one axis.

    Raises:
        InvalidRequest: Too many, too few, or not all of the datatype.
    """
    if datatype in RAW_ONLY:
        raise InvalidRequest(
            f"{datatype} is accepted as binary data only, in {where}; "
            "send it after the JSON, with the parameter binary_data_size"
        )
    if not isinstance(data, list):
        raise InvalidRequest(f"'data' must be a list, in {where}")
    if dtype == np.object_:
        values: Tensor = object_array(_texts(data, where))
    else:
        values = _numbers(data, datatype, dtype, where)
    if values.size != elements:
        raise InvalidRequest(
            f"Unable to parse 'data': Shape does not match true shape of 'data' field: "
            f"expected {elements} elements, got {values.size} in {where}"
        )
    return values


def _numbers(data: list[Any], datatype: str, dtype: np.dtype[Any], where: str) -> Tensor:
    if not data:
        return np.empty(0, dtype)
    try:
        # Without a dtype: numpy would turn 1.5 into an integer's 1, and "7" into 7.
        wide = np.array(data)
    except (ValueError, OverflowError) as error:
        raise InvalidRequest(
            f"'data' must be numbers, in lists of equal lengths if they are nested, in {where}"
        ) from error
    if wide.size == 0:
        return np.empty(0, dtype)
    if wide.dtype.kind not in _KINDS[dtype.kind]:
        raise InvalidRequest(f"'data' must hold nothing but {datatype}, in {where}")
    with np.errstate(over="ignore"):
        tensor = wide.astype(dtype)
    if not _kept(wide, tensor):
        raise InvalidRequest(f"a value does not fit {datatype} in {where}")
    return tensor.ravel()


def _kept(wide: Tensor, tensor: Tensor) -> bool:
    """Whether the narrower tensor has the same values; of floats, as far as they are finite."""
    if wide.dtype.kind != "f":
        return tensor.dtype.kind == "f" or bool((tensor == wide).all())
    return tensor.dtype == wide.dtype or bool((np.isinf(tensor) == np.isinf(wide)).all())


def _texts(data: list[Any], where: str) -> list[bytes]:
    """The strings of *data* in order, in UTF-8."""
    strings: list[bytes] = []
    waiting = [iter(data)]
    while waiting:
        for item in waiting[-1]:
            if isinstance(item, list):
                waiting.append(iter(item))
                break
            if not isinstance(item, str):
                raise InvalidRequest(f"'data' must hold nothing but strings, in {where}")
            try:
                strings.append(item.encode())
            except UnicodeEncodeError as error:
                raise InvalidRequest(f"half a surrogate pair is no text, in {where}") from error
        else:
            waiting.pop()
    return strings


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
