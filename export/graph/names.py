"""The names and the batch axis of an ONNX graph: what its signature promised, not what a converter liked.

Every function gives a new model and leaves the one it was given alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain, count

import onnx

from model_store.errors import ExportRefused

BATCH = "batch"


def copied(model: onnx.ModelProto) -> onnx.ModelProto:
    """A model of its own with the same content."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    return copy


def initialized(graph: onnx.GraphProto) -> set[str]:
    """The tensors that the file itself holds.  Before IR 4 they stood among the inputs too."""
    return {tensor.name for tensor in graph.initializer} | {
        tensor.values.name for tensor in graph.sparse_initializer
    }


def required_inputs(graph: onnx.GraphProto) -> tuple[onnx.ValueInfoProto, ...]:
    """What a caller must give."""
    held = initialized(graph)
    return tuple(value for value in graph.input if value.name not in held)


def subgraphs(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    """The bodies of an If, a Loop or a Scan."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def all_nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """Every node, those of bodies after the node that has them."""
    for node in graph.node:
        yield node
        for body in subgraphs(node):
            yield from all_nodes(body)


def all_names(graph: onnx.GraphProto) -> set[str]:
    """Every name of a value, in the bodies too."""
    values = chain(graph.input, graph.output, graph.value_info)
    names = {value.name for value in values} | initialized(graph)
    for node in graph.node:
        names |= {*node.input, *node.output}
        for body in subgraphs(node):
            names |= all_names(body)
    return names - {""}


def unused(name: str, taken: set[str]) -> str:
    """*name*, or the first of ``name_1``, ``name_2``... that is not *taken*."""
    candidates = chain([name], (f"{name}_{number}" for number in count(1)))
    return next(candidate for candidate in candidates if candidate not in taken)


def rename_values(model: onnx.ModelProto, new_names: Mapping[str, str]) -> onnx.ModelProto:
    """Rename values wherever they are, in the bodies of control flow too.

    A value of the graph that has a wanted name already, and keeps it not, gets out of the way.

    Args:
        model: Any graph.
        new_names: By the present name.

    Raises:
        ExportRefused: Two values would have one name.
    """
    present = all_names(model.graph)
    renames = {old: new for old, new in new_names.items() if old in present and old != new}
    wanted = set(renames.values())
    ends = {value.name for value in (*model.graph.input, *model.graph.output)}
    clashing = sorted(wanted & ends - renames.keys())
    if clashing or len(wanted) < len(renames):
        first = min(clashing or wanted)
        raise ExportRefused(f"two tensors of the graph would be called {first}; name one otherwise")
    taken = present | wanted
    for new in sorted(wanted & present - renames.keys()):
        renames[new] = unused(new, taken)
        taken.add(renames[new])
    result = copied(model)
    _rename(result.graph, renames)
    return result


def _rename(graph: onnx.GraphProto, renames: Mapping[str, str]) -> None:
    for value in chain(graph.input, graph.output, graph.value_info, graph.initializer):
        value.name = renames.get(value.name, value.name)
    for tensor in graph.sparse_initializer:
        tensor.values.name = renames.get(tensor.values.name, tensor.values.name)
    for node in graph.node:
        node.input[:] = [renames.get(name, name) for name in node.input]
        node.output[:] = [renames.get(name, name) for name in node.output]
        for body in subgraphs(node):
            _rename(body, renames)


def name_batch_axis(model: onnx.ModelProto) -> onnx.ModelProto:
    """Call the free first axis of every input and output ``batch``.

    An axis that has no name, or that shares one with some first axis, is the same length in
    every call; a first axis of fixed length is left as it is.
    """
    result = copied(model)
    ends = (*required_inputs(result.graph), *result.graph.output)
    firsts = [
        value.type.tensor_type.shape.dim[0]
        for value in ends
        if value.type.tensor_type.HasField("shape") and value.type.tensor_type.shape.dim
    ]
    free = [axis for axis in firsts if not axis.HasField("dim_value")]
    old = {axis.dim_param for axis in free} - {""}
    for value in chain(ends, result.graph.value_info):
        for axis in value.type.tensor_type.shape.dim:
            if axis.dim_param in old:
                axis.dim_param = BATCH
    for axis in free:
        axis.dim_param = BATCH
    return result
