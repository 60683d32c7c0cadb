"""Open Inference's tensors <-> numpy arrays; ``oip`` reads and writes the messages round them.

Rules are those of the protocol's version 2 and, where it is silent, of a real Triton:
raw contents are little-endian and row-major, one entry an input in the request's order;
a byte string in them has its length before it in four bytes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from model_store.errors import InvalidRequest
from serving.api.calls import Tensor
from serving.api.protos import inference_pb2 as pb
from serving.api.wire import narrow

DATATYPES: Mapping[str, str] = {
    "bool": "BOOL",
    "int8": "INT8",
    "int16": "INT16",
    "int32": "INT32",
    "int64": "INT64",
    "uint8": "UINT8",
    "uint16": "UINT16",
    "uint32": "UINT32",
    "uint64": "UINT64",
    "float16": "FP16",
    "bfloat16": "BF16",
    "float32": "FP32",
    "float64": "FP64",
    "bytes": "BYTES",
}
NUMPY: Mapping[str, np.dtype[Any]] = {
    datatype: np.dtype(object if name == "bytes" else name) for name, datatype in DATATYPES.items()
}
_FIELDS: Mapping[str, str] = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}
# Neither has a typed field, nor a form in JSON that all sides read to the same bits.
RAW_ONLY = frozenset({"FP16", "BF16"})
AnyTensor = pb.ModelInferRequest.InferInputTensor | pb.ModelInferResponse.InferOutputTensor
_MAX_ELEMENTS = 2**31
_MAX_RANK = 32


def decode_input(tensor: AnyTensor, raw: bytes | None, model: str) -> Tensor:
    """Read one input from its raw entry, or from its typed contents without one.

    An answer's output is the same message, field by field.

    Numeric raw tensors share the message's memory and cannot be written.

    Raises:
        InvalidRequest: The datatype is unknown, or data and shape do not agree.
    """
    shape = tuple(tensor.shape)
    dtype, elements = check_declared(tensor.name, tensor.datatype, shape)
    where = f"input '{tensor.name}' for model '{model}'"
    if raw is not None:
        if tensor.HasField("contents"):
            raise InvalidRequest(
                "contents field must not be specified when using raw_input_contents for "
                f"'{tensor.name}' for model '{model}'"
            )
        return decode_raw(raw, dtype, elements, where).reshape(shape)
    return _decode_typed(tensor, dtype, elements, model).reshape(shape)


def check_declared(name: str, datatype: str, shape: Sequence[int]) -> tuple[np.dtype[Any], int]:
    """The dtype and the number of elements that an input says it has.

    Raises:
        InvalidRequest: The datatype is unknown, or no tensor has such a shape.
    """
    dtype = NUMPY.get(datatype)
    if dtype is None:
        raise InvalidRequest(f"invalid datatype for input {name}: {datatype!r}")
    elements = math.prod(shape)
    if min(shape, default=0) < 0 or elements > _MAX_ELEMENTS or len(shape) > _MAX_RANK:
        raise InvalidRequest(f"invalid shape {list(shape)} for input '{name}'")
    return dtype, elements


def decode_raw(raw: bytes | memoryview, dtype: np.dtype[Any], elements: int, where: str) -> Tensor:
    """Read a tensor's elements from little-endian, row-major bytes.

    Numbers share the bytes' memory and cannot be written.

    Raises:
        InvalidRequest: There are more or fewer elements; *where* is told in the message.
    """
    if dtype == np.object_:
        strings = _split_strings(bytes(raw), where)
        if len(strings) != elements:
            raise InvalidRequest(
                f"expected {elements} string elements for inference {where}, got {len(strings)}"
            )
        return object_array(strings)
    if len(raw) != elements * dtype.itemsize:
        raise InvalidRequest(
            f"input byte size mismatch for {where}. "
            f"Expected {elements * dtype.itemsize}, got {len(raw)}"
        )
    return np.frombuffer(raw, dtype)


def _split_strings(raw: bytes, where: str) -> list[bytes]:
    strings: list[bytes] = []
    at = 0
    while at < len(raw):
        if len(raw) - at < 4:
            raise InvalidRequest(
                f"incomplete string length indicator for inference {where}, "
                f"expecting 4 bytes but only {len(raw) - at} bytes available."
            )
        length = int.from_bytes(raw[at : at + 4], "little")
        at += 4
        if len(raw) - at < length:
            raise InvalidRequest(
                f"incomplete string data for inference {where}, expecting string of length "
                f"{length} but only {len(raw) - at} bytes available"
            )
        strings.append(raw[at : at + length])
        at += length
    return strings


def _decode_typed(
    tensor: AnyTensor,
    dtype: np.dtype[Any],
    elements: int,
    model: str,
) -> Tensor:
    where = f"input '{tensor.name}' for model '{model}'"
    wanted = _FIELDS.get(tensor.datatype)
    if wanted is None:
        raise InvalidRequest(
            f"{tensor.datatype} is accepted as raw_input_contents only, in {where}"
        )
    given = [field.name for field, _ in tensor.contents.ListFields()]
    if not given and elements:
        raise InvalidRequest(
            f"unable to find data for input tensor '{tensor.name}' for model '{model}' in request."
        )
    if others := [name for name in given if name != wanted]:
        raise InvalidRequest(
            f"unexpected explicit tensor data for input tensor '{tensor.name}' for model "
            f"'{model}' of type '{_HOLDS[others[0]]}', expected datatype '{tensor.datatype}'"
        )
    values: Sequence[Any] = getattr(tensor.contents, wanted)
    if len(values) != elements:
        raise InvalidRequest(f"expected {elements} elements, got {len(values)} in {where}")
    if dtype == np.object_:
        return object_array(values)
    try:
        return narrow(values, _WIDE.get(wanted, dtype), dtype)
    except InvalidRequest as error:
        raise InvalidRequest(f"{error} in {where}") from error


# What Triton calls a field's contents: the widest datatype that belongs there.
_HOLDS: Mapping[str, str] = {field: datatype for datatype, field in _FIELDS.items()}
_WIDE = {"int_contents": np.dtype(np.int32), "uint_contents": np.dtype(np.uint32)}


def object_array(strings: Sequence[bytes]) -> Tensor:
    """Byte strings as an array of one axis."""
    array = np.empty(len(strings), object)
    array[:] = strings
    return array


def encode_raw(tensor: Tensor) -> bytes:
    """Write one tensor as little-endian, row-major bytes."""
    if tensor.dtype != np.object_:
        return tensor.tobytes()
    strings: list[bytes] = tensor.ravel().tolist()
    return b"".join(len(string).to_bytes(4, "little") + string for string in strings)


def raw_view(tensor: Tensor) -> bytes | memoryview:
    """As ``encode_raw``, without a copy where the tensor's own memory holds these bytes."""
    if tensor.dtype == np.object_:
        return encode_raw(tensor)
    return tensor.reshape(-1).view(np.uint8).data


def fill_typed(contents: pb.InferTensorContents, datatype: str, tensor: Tensor) -> None:
    """Write one tensor into the typed field of its datatype."""
    getattr(contents, _FIELDS[datatype]).extend(tensor.ravel().tolist())
