"""ONNX's types and ONNX Runtime's arrays, and ours.

Strings are byte strings (numpy ``S``) here, Python strings there.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from export.tensors import Tensors
from model_store.errors import ExportRefused
from model_store.spec import TensorSpec


def spec_of(value: Any) -> TensorSpec:
    """What an input or output is.

    Raises:
        ExportRefused: It is a list or a map of tensors, as classical models give.
    """
    kind = value.type.WhichOneof("value")
    if kind != "tensor_type":
        raise ExportRefused(
            f"{value.name} is a {str(kind).removesuffix('_type')} and no tensor; convert the model "
            "so that it gives tensors (zipmap=False in skl2onnx)"
        )
    tensor = value.type.tensor_type
    shape = None
    if tensor.HasField("shape"):
        shape = tuple(axis.dim_value if axis.dim_value > 0 else None for axis in tensor.shape.dim)
    return TensorSpec(value.name, _dtype_name(value.name, tensor.elem_type), shape)


def _dtype_name(tensor: str, element: int) -> str:
    if element == onnx.TensorProto.STRING:
        return "bytes"
    try:
        return str(np.dtype(onnx.helper.tensor_dtype_to_np_dtype(element)).name)
    except KeyError as error:
        raise ExportRefused(f"{tensor} has an element type that numpy does not know") from error


def to_ort(inputs: Tensors) -> dict[str, NDArray[Any]]:
    """The same for ONNX Runtime."""
    return {
        name: np.char.decode(array, "utf-8").astype(object) if array.dtype.kind == "S" else array
        for name, array in inputs.items()
    }


def from_ort(given: Any) -> NDArray[Any]:
    """What ONNX Runtime gave, with byte strings for strings."""
    array: NDArray[Any] = np.asarray(given)
    if array.dtype.kind in "OU":
        return np.char.encode(array.astype(str), "utf-8")
    return array
