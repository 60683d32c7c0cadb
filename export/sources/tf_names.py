"""The last step to ONNX: the graph's face made equal to the signature's, and written.

Holds no TensorFlow: protobuf messages in, a file out.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx

from model_store.errors import ExportRefused
from model_store.spec import Signature, TensorSpec

BATCH = "batch"
_ANY_RANK = "its rank is not known before it is run"


def settle(proto: onnx.ModelProto, signature: Signature, target: Path) -> tuple[str, ...]:
    """Give *proto* the signature's inputs and outputs, check it, write it to *target*.

    Returns:
        Notes for people.

    Raises:
        ExportRefused: An operation, input, output or dtype is not as promised.
    """
    _refuse_strange_operations(proto)
    notes = (*_settle_inputs(proto, signature), *_settle_outputs(proto, signature))
    try:
        onnx.checker.check_model(proto)
    except onnx.checker.ValidationError as error:
        # The checker wants a rank of every output; ONNX Runtime, which has the last word, not.
        if all(spec.shape is not None for spec in (*signature.inputs, *signature.outputs)):
            raise ExportRefused(f"the converted graph is not valid ONNX: {error}") from error
    onnx.save(proto, target)
    return notes


def _refuse_strange_operations(proto: onnx.ModelProto) -> None:
    known = {entry.domain: entry.version for entry in proto.opset_import}
    for node in _nodes(proto.graph):
        domain = "" if node.domain == "ai.onnx" else node.domain
        if domain not in known or not onnx.defs.has(node.op_type, known[domain], domain):
            raise ExportRefused(
                f"ONNX has no operation {node.op_type} (node {node.name}); "
                "export the model with --to saved_model"
            )


def _nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for subgraph in (attribute.g, *attribute.graphs):
                yield from _nodes(subgraph)


def _settle_inputs(proto: onnx.ModelProto, signature: Signature) -> Iterator[str]:
    constants = {constant.name for constant in proto.graph.initializer}
    found = {value.name: value for value in proto.graph.input if value.name not in constants}
    promised = [spec.name for spec in signature.inputs]
    if strange := sorted(found.keys() - set(promised)):
        raise ExportRefused(
            f"the converted graph asks for {', '.join(strange)}, which the model does not; "
            "export it with --to saved_model"
        )
    used = {name for node in _nodes(proto.graph) for name in node.input}
    settled = []
    for spec in signature.inputs:
        if spec.name not in used:
            yield f"the input {spec.name} has no effect on the outputs"
        settled.append(_settled(found.get(spec.name), spec))
    del proto.graph.input[:]
    proto.graph.input.extend(settled)


def _settle_outputs(proto: onnx.ModelProto, signature: Signature) -> Iterator[str]:
    found = {value.name: value for value in proto.graph.output}
    if missing := [spec.name for spec in signature.outputs if spec.name not in found]:
        raise ExportRefused(f"the converted graph lost the outputs {', '.join(missing)}")
    settled = [_settled(found[spec.name], spec) for spec in signature.outputs]
    del proto.graph.output[:]
    proto.graph.output.extend(settled)
    for spec in signature.outputs:
        if spec.shape is None:
            yield f"of the output {spec.name}, {_ANY_RANK}"


def _settled(value: onnx.ValueInfoProto | None, spec: TensorSpec) -> onnx.ValueInfoProto:
    """The signature's tensor; what the graph alone knows of its shape is kept."""
    dtype = onnx_dtype(spec.dtype)
    axes: list[int | None] | None = None if spec.shape is None else list(spec.shape)
    if value is not None:
        tensor = value.type.tensor_type
        if tensor.elem_type not in (dtype, onnx.TensorProto.UNDEFINED):
            raise ExportRefused(
                f"{spec} became {onnx.helper.tensor_dtype_to_string(tensor.elem_type)} in ONNX"
            )
        axes = _joined(axes, tensor)
    named = None if axes is None else [_axis(spec.name, at, axes[at]) for at in range(len(axes))]
    return onnx.helper.make_tensor_value_info(spec.name, dtype, named)


def _joined(
    axes: list[int | None] | None, tensor: onnx.TypeProto.Tensor
) -> list[int | None] | None:
    """A fixed axis of the graph is not hidden behind a free one of the signature."""
    if not tensor.HasField("shape"):
        return axes
    graph = [axis.dim_value if axis.HasField("dim_value") else None for axis in tensor.shape.dim]
    if axes is None or len(axes) != len(graph):
        return list(graph) if axes is None else axes
    return [ours if ours is not None else theirs for ours, theirs in zip(axes, graph, strict=True)]


def _axis(tensor: str, at: int, length: int | None) -> int | str:
    if length is not None:
        return length
    return BATCH if at == 0 else f"{tensor}_axis_{at}"


def onnx_dtype(name: str) -> int:
    """ONNX' number for numpy's name, or for ``bytes``."""
    if name == "bytes":
        return int(onnx.TensorProto.STRING)
    if name == "bfloat16":
        return int(onnx.TensorProto.BFLOAT16)
    return int(onnx.helper.np_dtype_to_tensor_dtype(np.dtype(name)))
