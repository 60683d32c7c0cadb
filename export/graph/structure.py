"""Graphs that are valid ONNX and yet are wrong, found without running them.

``onnx.checker`` is content with constants that became required inputs, with operations that
no runtime has, with a batch axis of one.  ``export.graph.running`` finds what only a run shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from export.graph.names import all_nodes, required_inputs
from export.graph.problems import Problem, unknown_operation
from model_store.spec import Signature, TensorSpec

# Operations of these domains beyond ONNX's own are ONNX Runtime's; loading tells which it has.
_RUNTIME_DOMAINS = {"com.microsoft", "com.microsoft.nchwc"}
_ONNX_DOMAINS = {"", "ai.onnx", "ai.onnx.ml"}
_TRAINING = {"BatchNormalization", "Dropout"}


def find_problems(model: onnx.ModelProto, signature: Signature) -> tuple[Problem, ...]:
    """Everything that is wrong with *model* as it lies there.

    Args:
        model: The converted graph, with the prelude in it if there is one.
        signature: What it was meant to take and give.
    """
    found = [
        *_unknown_operations(model),
        *_inputs(model.graph, signature),
        *_outputs(model.graph, signature),
        *_training_mode(model.graph),
        *find_zeroed_softmax(model),
    ]
    # The checker stops at its first complaint, which would repeat one of these.
    return tuple(found) or tuple(_checker(model))


def _checker(model: onnx.ModelProto) -> Iterator[Problem]:
    try:
        onnx.checker.check_model(model, full_check=True)
    except Exception as error:  # ValidationError, and the shape inference's own
        text = " ".join(str(error).split())[:500]
        yield Problem(f"it is not valid ONNX: {text}", "convert the model with another opset")


def _unknown_operations(model: onnx.ModelProto) -> Iterator[Problem]:
    versions = {entry.domain: entry.version for entry in model.opset_import}
    local = {(function.domain, function.name) for function in model.functions}
    bodies = [node for function in model.functions for node in function.node]
    for node in (*all_nodes(model.graph), *bodies):
        domain = "" if node.domain == "ai.onnx" else node.domain
        if (node.domain, node.op_type) in local or domain in _RUNTIME_DOMAINS:
            continue
        opset = versions.get(domain, versions.get(node.domain, 0))
        if domain not in _ONNX_DOMAINS or not _has(node.op_type, opset, domain):
            yield unknown_operation(node.op_type, node.name, domain)


def _has(operation: str, opset: int, domain: str) -> bool:
    # Of an opset that this onnx does not know yet, the newest that it knows is the best guess.
    newest = onnx.defs.onnx_opset_version() if domain == "" else opset
    return bool(onnx.defs.has(operation, min(opset, newest) or 1, domain))


def _inputs(graph: onnx.GraphProto, signature: Signature) -> Iterator[Problem]:
    specs = {spec.name: spec for spec in signature.inputs}
    present = {value.name: value for value in required_inputs(graph)}
    for name in sorted(present.keys() - specs.keys()):
        node, operation = _reader(graph, name)
        yield Problem(
            f"the graph wants another input, {name}, which {operation or 'no node'} "
            f"{f'(node {node}) ' if node else ''}reads: a constant that the converter lost",
            "convert the model by way of a SavedModel, which keeps its constants",
            node,
            operation,
        )
    for name in sorted(specs.keys() - present.keys()):
        yield Problem(
            f"the converter dropped the input {name}, which no output depends on; callers who "
            "send it would be refused",
            "leave it out of the signature, or put it back as an unused input",
        )
    for name in sorted(specs.keys() & present.keys()):
        yield from _declared("input", specs[name], present[name])


def _outputs(graph: onnx.GraphProto, signature: Signature) -> Iterator[Problem]:
    specs = {spec.name: spec for spec in signature.outputs}
    present = {value.name: value for value in graph.output}
    if specs.keys() != present.keys():
        yield Problem(
            f"the graph's outputs are {_listed(present)}, the signature promises {_listed(specs)}",
            "name the outputs as the signature does",
        )
    for name in sorted(specs.keys() & present.keys()):
        yield from _declared("output", specs[name], present[name])


def _declared(end: str, spec: TensorSpec, value: onnx.ValueInfoProto) -> Iterator[Problem]:
    """What the graph declares of *value* against what the signature promises."""
    kind = value.type.WhichOneof("value")
    if kind != "tensor_type":
        yield Problem(
            f"the {end} {spec.name} is a {str(kind).removesuffix('_type')}, and not a tensor",
            "give tensors only: stack a sequence, and split a map into two outputs",
            is_beyond_onnx=True,
        )
        return
    tensor = value.type.tensor_type
    dtype = dtype_of(tensor.elem_type)
    if dtype != spec.dtype:
        yield Problem(
            f"the {end} {spec.name} is {dtype} in the graph, {spec.dtype} in the signature",
            f"promise {dtype}, or cast it",
        )
    if not tensor.HasField("shape"):
        if spec.shape is not None:
            yield Problem(f"the {end} {spec.name} has no shape in the graph", f"declare {spec}")
        return
    if spec.shape is not None:
        yield from _declared_shape(end, spec, tuple(map(_length, tensor.shape.dim)))


def _declared_shape(end: str, spec: TensorSpec, got: tuple[int | None, ...]) -> Iterator[Problem]:
    want = spec.shape or ()
    shown = ["N" if length is None else length for length in got]
    if want[:1] == (None,) and got[:1] not in ((), (None,)):
        yield Problem(
            f"the batch axis is baked into the {end} {spec.name}: {shown}",
            "convert the model again with a free batch axis (PyTorch: an example of at least 2 "
            "rows and dynamic_shapes; Keras: Input without batch_size)",
        )
        return
    pairs = zip(want, got, strict=False)
    if len(want) != len(got) or any(None not in pair and pair[0] != pair[1] for pair in pairs):
        yield Problem(
            f"the {end} {spec.name} is declared as {shown}, the signature says {spec}",
            "promise what the graph gives",
        )


def _training_mode(graph: onnx.GraphProto) -> Iterator[Problem]:
    held = {tensor.name: tensor for tensor in graph.initializer}
    for node in all_nodes(graph):
        if node.op_type in _TRAINING and _is_training(node, held):
            yield Problem(
                f"{node.op_type} (node {node.name}) is in training mode",
                "export the model for inference (PyTorch: model.eval(); Keras: training=False)",
                node.name,
                node.op_type,
            )


def _is_training(node: onnx.NodeProto, held: Mapping[str, onnx.TensorProto]) -> bool:
    if any(attribute.name == "training_mode" and attribute.i for attribute in node.attribute):
        return True
    flag = node.input[2] if node.op_type == "Dropout" and len(node.input) > 2 else ""
    return flag in held and bool(numpy_helper.to_array(held[flag]).any())


def find_zeroed_softmax(model: onnx.ModelProto) -> Iterator[Problem]:
    """Each Softmax over K classes that is quantised in steps so coarse that 1/K rounds to zero."""
    outputs = {
        node.output[0]: node for node in model.graph.node if node.op_type in {"Softmax", "Sigmoid"}
    }
    quantisers = [
        node
        for node in model.graph.node
        if node.op_type == "QuantizeLinear" and node.input[0] in outputs
    ]
    if not quantisers:
        return
    held = {tensor.name: tensor for tensor in model.graph.initializer}
    shapes = _inferred_shapes(model)
    for quantiser in quantisers:
        softmax = outputs[quantiser.input[0]]
        classes = (shapes.get(softmax.output[0]) or (None,))[-1]
        if softmax.op_type != "Softmax" or classes is None or quantiser.input[1] not in held:
            continue
        step = float(np.max(numpy_helper.to_array(held[quantiser.input[1]])))
        if 1 / classes < step / 2:
            yield Problem(
                f"Softmax (node {softmax.name}) over {classes} classes is quantised in steps of "
                f"{step:.3g}: an answer that is not sure of itself becomes all zeros",
                "quantise the model again and leave Softmax out",
                softmax.name,
                "Softmax",
            )


def _inferred_shapes(model: onnx.ModelProto) -> dict[str, tuple[int | None, ...]]:
    graph = onnx.shape_inference.infer_shapes(model).graph
    return {
        value.name: tuple(map(_length, value.type.tensor_type.shape.dim))
        for value in (*graph.value_info, *graph.output)
    }


def signature_of(model: onnx.ModelProto) -> Signature:
    """What the graph itself says it takes and gives; an axis with a name is a free one."""
    return Signature(
        tuple(map(_spec, required_inputs(model.graph))), tuple(map(_spec, model.graph.output))
    )


def _spec(value: onnx.ValueInfoProto) -> TensorSpec:
    tensor = value.type.tensor_type
    shape = tuple(map(_length, tensor.shape.dim)) if tensor.HasField("shape") else None
    return TensorSpec(value.name, dtype_of(tensor.elem_type), shape)


def dtype_of(elem_type: int) -> str:
    """The house's name of an ONNX element type."""
    if elem_type == onnx.TensorProto.STRING:
        return "bytes"
    if elem_type == onnx.TensorProto.UNDEFINED:
        return "undefined"
    return str(helper.tensor_dtype_to_np_dtype(elem_type))


def _length(axis: Any) -> int | None:
    return int(axis.dim_value) if axis.HasField("dim_value") else None


def _reader(graph: onnx.GraphProto, name: str) -> tuple[str, str]:
    """Name and operation of the first node that reads *name*."""
    for node in all_nodes(graph):
        if name in node.input:
            return node.name, node.op_type
    return "", ""


def _listed(names: Any) -> str:
    return ", ".join(sorted(names)) or "none"
