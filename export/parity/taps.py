"""An ONNX graph with every tensor in the open: its nodes, and what each of them gives.

Only for finding a divergence: ONNX Runtime leaves the graph as it is written, which is
slow.  What happens inside the bodies of ``If`` and ``Loop`` stays hidden.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
from numpy.typing import NDArray

from export.graph.session import open_session, run
from export.tensors import Tensors

# What these give depends on shapes, not on values: no layer computes it.
_SHAPES = frozenset({"Shape", "Size"})


@dataclass(frozen=True, slots=True)
class Node:
    """One operation.

    Attributes:
        op_type: ``MatMul``.
        name: As the converter wrote it; may be empty.
        inputs: Names of the tensors it takes, those of its bodies included.
        outputs: Names of the tensors it gives.
    """

    op_type: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tapped:
    """A graph that was run once.

    Attributes:
        nodes: In an order in which they can be run.
        outputs: The graph's own outputs.
        values: Of every tensor that depends on the inputs' values, by name.
    """

    nodes: tuple[Node, ...]
    outputs: tuple[str, ...]
    values: Mapping[str, NDArray[Any]]

    def is_computed(self, tensor: str) -> bool:
        """Whether *tensor* depends on the inputs' values, and is no input itself."""
        return tensor in self.values


def run_tapped(graph: Path, feeds: Tensors) -> Tapped:
    """Run *graph* once on *feeds* and keep everything.

    Raises:
        ExportRefused: The graph cannot be loaded.
        Exception: ONNX Runtime's own, if it cannot be run.
    """
    model = onnx.load(graph)
    own = tuple(output.name for output in model.graph.output)
    nodes = tuple(_nodes(model.graph))
    wanted = [name for name in _dynamic(nodes, feeds) if name not in own]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in wanted)
    found = run(open_session(model, optimized=False), feeds)
    return Tapped(nodes, own, {name: found[name] for name in (*own, *wanted)})


def _nodes(graph: onnx.GraphProto) -> Iterator[Node]:
    for node in graph.node:
        inputs = [*node.input, *_captured(node)]
        yield Node(
            node.op_type,
            node.name,
            tuple(name for name in inputs if name),
            tuple(name for name in node.output if name),
        )


def _captured(node: onnx.NodeProto) -> Iterator[str]:
    """What the bodies of *node* may take from outside."""
    for attribute in node.attribute:
        for body in (attribute.g, *attribute.graphs):
            for inner in body.node:
                yield from inner.input
                yield from _captured(inner)


def _dynamic(nodes: Sequence[Node], feeds: Tensors) -> list[str]:
    """Tensors that depend on the values of *feeds*."""
    known = set(feeds)
    found: list[str] = []
    for node in nodes:
        if node.op_type not in _SHAPES and known.intersection(node.inputs):
            known.update(node.outputs)
            found += node.outputs
    return found
