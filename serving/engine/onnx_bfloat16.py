"""bfloat16 in ONNX Runtime, whose way through numpy does not know it.

Its own values do: they take the bits as uint16, and give the address of theirs.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

import ml_dtypes
import numpy as np
import onnxruntime as ort

from serving.api.calls import Tensor, Tensors

_BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
_ONNX_BFLOAT16 = 16  # onnx.TensorProto.BFLOAT16


def run_values(
    session: ort.InferenceSession,
    outputs: Sequence[str],
    inputs: Tensors,
    options: ort.RunOptions | None,
) -> list[Tensor]:
    """Do what ``session.run`` does, with tensors of any dtype."""
    values = {name: _to_value(tensor) for name, tensor in inputs.items()}
    return [_to_tensor(each) for each in session.run_with_ort_values(outputs, values, options)]


def _to_value(tensor: Tensor) -> ort.OrtValue:
    if tensor.dtype != _BFLOAT16:
        return ort.OrtValue.ortvalue_from_numpy(tensor)
    bits = np.ascontiguousarray(tensor).view(np.uint16)
    return ort.OrtValue.ortvalue_from_numpy_with_onnx_type(bits, _ONNX_BFLOAT16)


def _to_tensor(value: ort.OrtValue) -> Tensor:
    if value.element_type() != _ONNX_BFLOAT16:
        result: Tensor = value.numpy()
        return result
    # A copy: the memory is the value's, which ends here.
    bits = ctypes.string_at(value.data_ptr(), value.tensor_size_in_bytes())
    return np.frombuffer(bits, _BFLOAT16).reshape(value.shape())
