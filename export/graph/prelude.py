"""Scaling and axis order put into the graph, so that a picture travels as it is: uint8.

``insert`` does it to an ONNX graph; ``apply`` is the same arithmetic in numpy, float32 for
float32, for the author's own path through the source.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from export.graph.names import (
    BATCH,
    all_names,
    name_batch_axis,
    rename_values,
    required_inputs,
    unused,
)
from export.sources.source import Prelude
from model_store.errors import ExportRefused
from model_store.spec import TensorSpec

_FLOATS = {
    TensorProto.FLOAT: np.float32,
    TensorProto.FLOAT16: np.float16,
    TensorProto.DOUBLE: np.float64,
}
_MIN_OPSET = 7  # Mul and Add broadcast from here on


@dataclass(frozen=True, slots=True)
class _Step:
    """One node of the prelude, and the constant beside its running input."""

    operation: str
    constant: NDArray[Any] | None = None
    attributes: tuple[tuple[str, Any], ...] = ()


def apply(
    prelude: Prelude, pixels: NDArray[np.uint8], spec: TensorSpec | None = None
) -> NDArray[Any]:
    """What the graph's prelude computes, in numpy.

    Args:
        prelude: What is asked for.
        pixels: ``uint8[N, height, width, channels]``.
        spec: The source's own input; float32 of rank 4 if it is not given.

    Returns:
        The source's own input tensor, bit for bit what ``insert`` computes.
    """
    dtype = np.dtype(np.float32 if spec is None else spec.dtype)
    tensor: NDArray[Any] = pixels.transpose(0, 3, 1, 2) if prelude.is_channels_first else pixels
    if dtype.kind == "f":
        scale, offset = _constants(prelude)
        tensor = tensor.astype(np.float32)
        tensor = tensor * scale if (scale != 1).any() else tensor
        tensor = tensor + offset if (offset != 0).any() else tensor
    tensor = np.ascontiguousarray(tensor, dtype)
    axes = None if spec is None or spec.shape is None else spec.shape[1:]
    if axes is None or len(axes) == 3:
        return tensor
    return tensor.reshape(len(tensor), *_own_axes(prelude, len(axes)))


def insert(model: onnx.ModelProto, prelude: Prelude) -> onnx.ModelProto:
    """Put *prelude* in front of *model*; the wire tensor replaces the source's input.

    A factor of 1 and an offset of 0 leave no node behind.  A source that takes the rows flat, or
    grey pictures without an axis for the channel, gets them so.

    Args:
        model: A graph of opset 7 or later with an input ``prelude.input``; it is left alone.
        prelude: What to put in.

    Returns:
        A graph that takes ``prelude.tensor: uint8[batch, height, width, channels]``.

    Raises:
        ExportRefused: There is no such input, or pictures of that size do not fit it.
    """
    if _opset(model) < _MIN_OPSET:
        raise ExportRefused(
            f"the graph is of opset {_opset(model)}, which cannot scale each channel; "
            f"upgrade it to {_MIN_OPSET} or later"
        )
    _find(model.graph, prelude.input)
    inner = prelude.input
    if inner == prelude.tensor:
        inner = unused(f"{prelude.tensor}_scaled", all_names(model.graph))
    result = rename_values(model, {prelude.input: inner}) if inner != prelude.input else model
    if prelude.tensor in all_names(result.graph):
        result = _moved_aside(result, prelude.tensor)
    result = name_batch_axis(result)  # a copy
    value = _find(result.graph, inner)
    _check_fit(prelude, value)
    wire = _wire_value(prelude, value)
    nodes, tensors = _nodes(prelude, value, all_names(result.graph) | {wire.name})
    result.graph.value_info.add().CopyFrom(value)
    value.CopyFrom(wire)
    rest = list(result.graph.node)
    del result.graph.node[:]
    result.graph.node.extend([*nodes, *rest])
    result.graph.initializer.extend(tensors)
    return result


def _moved_aside(model: onnx.ModelProto, name: str) -> onnx.ModelProto:
    ends = (*model.graph.input, *model.graph.output)
    if any(value.name == name for value in ends):
        raise ExportRefused(
            f"the graph has another tensor called {name}; give the wire tensor another name"
        )
    return rename_values(model, {name: unused(name, all_names(model.graph))})


def _opset(model: onnx.ModelProto) -> int:
    return max((entry.version for entry in model.opset_import if entry.domain == ""), default=1)


def _find(graph: onnx.GraphProto, name: str) -> onnx.ValueInfoProto:
    for value in graph.input:
        if value.name == name:
            return value
    names = ", ".join(value.name for value in required_inputs(graph)) or "none"
    raise ExportRefused(f"the graph has no input {name}; its inputs are {names}")


def _constants(prelude: Prelude) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Factor and offset, scalars where all channels are alike, else in shape to broadcast."""
    pair = []
    for values in (prelude.scale, prelude.offset):
        constant = np.asarray(values, np.float32)
        if len(set(values)) == 1:
            constant = constant[0].reshape(())
        elif prelude.is_channels_first:
            constant = constant.reshape(-1, 1, 1)
        pair.append(constant)
    return pair[0], pair[1]


def _own_axes(prelude: Prelude, rank: int) -> tuple[int, ...]:
    """The source's axes after the batch: flat, or grey without an axis for it."""
    shape = (*prelude.size, len(prelude.scale))
    return (prod(shape),) if rank == 1 else prelude.size


def _check_fit(prelude: Prelude, value: onnx.ValueInfoProto) -> None:
    tensor = value.type.tensor_type
    channels, own = len(prelude.scale), [_length(axis) for axis in tensor.shape.dim]
    name, dtype = prelude.input, str(helper.tensor_dtype_to_np_dtype(tensor.elem_type))
    if channels != len(prelude.offset) or not channels:
        raise ExportRefused("a prelude has as many factors as offsets, one pair for each channel")
    if tensor.elem_type not in _FLOATS:
        _check_untouched(prelude, value, dtype)
    height, width = prelude.size
    want = [channels, height, width] if prelude.is_channels_first else [height, width, channels]
    if len(own) in (2, 3) and (len(own) == 2 or channels == 1):
        want = list(_own_axes(prelude, len(own) - 1))
    fits = len(own) == len(want) + 1 and all(
        length in (None, wanted) for length, wanted in zip(own[1:], want, strict=True)
    )
    if tensor.HasField("shape") and not fits:
        shown = ["N" if length is None else length for length in own]
        order = "channels first" if prelude.is_channels_first else "channels last"
        raise ExportRefused(
            f"the model's input {name} is {shown}, pictures of {height}x{width} with {channels} "
            f"channel{'s' * (channels > 1)}, {order}, do not fit; change --size or --mode"
        )


def _check_untouched(prelude: Prelude, value: onnx.ValueInfoProto, dtype: str) -> None:
    """A model that reads whole numbers scales them itself, or not at all."""
    if value.type.tensor_type.elem_type != TensorProto.UINT8:
        raise ExportRefused(
            f"the model's input {prelude.input} is {dtype}; pictures can be scaled into float16, "
            "float32 and float64"
        )
    if set(prelude.scale) != {1.0} or set(prelude.offset) != {0.0}:
        raise ExportRefused(
            f"the model's input {prelude.input} is uint8, it takes pixels as they are; "
            "leave out --scale and --offset"
        )


def _length(axis: Any) -> int | None:
    return int(axis.dim_value) if axis.HasField("dim_value") else None


def _wire_value(prelude: Prelude, value: onnx.ValueInfoProto) -> onnx.ValueInfoProto:
    """The wire tensor; a first axis that the source has baked in is told as it is."""
    shape = value.type.tensor_type.shape
    baked = _length(shape.dim[0]) if shape.dim else None
    axes = [BATCH if baked is None else baked, *prelude.size, len(prelude.scale)]
    return helper.make_tensor_value_info(prelude.tensor, TensorProto.UINT8, axes)


def _steps(prelude: Prelude, value: onnx.ValueInfoProto) -> Iterator[_Step]:
    tensor = value.type.tensor_type
    if prelude.is_channels_first:  # while a pixel is one byte, and not four
        yield _Step("Transpose", attributes=(("perm", [0, 3, 1, 2]),))
    if tensor.elem_type in _FLOATS:
        scale, offset = _constants(prelude)
        yield _Step("Cast", attributes=(("to", TensorProto.FLOAT),))
        if (scale != 1).any():
            yield _Step("Mul", scale)
        if (offset != 0).any():
            yield _Step("Add", offset)
        if tensor.elem_type != TensorProto.FLOAT:
            yield _Step("Cast", attributes=(("to", tensor.elem_type),))
    rank = len(tensor.shape.dim)
    if rank in (2, 3):
        axes = _own_axes(prelude, rank - 1)
        yield _Step("Reshape", np.asarray([0, *axes], np.int64))  # 0 keeps the batch axis


def _nodes(
    prelude: Prelude, value: onnx.ValueInfoProto, taken: set[str]
) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
    """The nodes from the wire tensor to *value*'s name, and their constants."""
    steps = list(_steps(prelude, value)) or [_Step("Identity")]
    nodes, tensors = [], []
    current = prelude.tensor
    for step in steps:
        name = unused(f"prelude/{step.operation}", taken)
        target = value.name if step is steps[-1] else name
        taken.add(name)
        inputs = [current]
        if step.constant is not None:
            constant = unused(f"{name}/constant", taken)
            taken.add(constant)
            tensors.append(numpy_helper.from_array(step.constant, constant))
            inputs.append(constant)
        nodes.append(
            helper.make_node(step.operation, inputs, [target], name, **dict(step.attributes))
        )
        current = target
    return nodes, tensors
