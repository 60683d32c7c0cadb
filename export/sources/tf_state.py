"""Operations that change what a model remembers: ONNX has none, and tf2onnx drops them unsaid."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from model_store.errors import ExportRefused

_WRITERS = frozenset(
    {
        "Assign", "AssignAdd", "AssignAddVariableOp", "AssignSub", "AssignSubVariableOp",
        "AssignVariableOp", "HashTableInsertV2", "LookupTableImportV2", "LookupTableInsertV2",
        "MutableHashTableV2", "ResourceScatterAdd", "ResourceScatterNdAdd",
        "ResourceScatterNdUpdate", "ResourceScatterUpdate", "ResourceStridedSliceAssign",
        "RngSkip", "ScatterAdd", "ScatterUpdate", "StatefulUniform",
    }
)  # fmt: skip


def refuse_state(function: Any) -> None:
    """Raise ExportRefused if a call of *function* changes a variable or a table."""
    graph = function.graph.as_graph_def()
    for node in _reachable(graph):
        if node.op in _WRITERS:
            raise ExportRefused(
                f"the model keeps state between calls ({node.op}, node {node.name}), and an ONNX "
                "graph has no memory; export it with --to saved_model"
            )


def _reachable(graph: Any) -> Iterator[Any]:
    """Every node of the graph and of the functions that it calls."""
    functions = {function.signature.name: function for function in graph.library.function}
    waiting, seen = list(graph.node), set()
    while waiting:
        node = waiting.pop()
        yield node
        for name in _called(node):
            if name in functions and name not in seen:
                seen.add(name)
                waiting.extend(functions[name].node_def)


def _called(node: Any) -> Iterator[str]:
    for attribute in node.attr.values():
        yield attribute.func.name
        yield from (function.name for function in attribute.list.func)
