"""A TensorFlow graph's nodes and functions, read from its bytes, and what they would do.

The numbers are those of ``graph.proto``, ``function.proto``, ``node_def.proto`` and
``attr_value.proto``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from export.inspect import tensorflow_ops
from export.inspect.finding import Finding, reads_outside, runs_code
from export.inspect.wire import View, fields, part, parts, text, texts

_NODES, _LIBRARY, _FUNCTIONS, _SIGNATURE, _FUNCTION_NODES = 1, 2, 1, 1, 3
_NAME, _OPERATION, _INPUT, _ATTRIBUTE = 1, 2, 3, 5
_VALUE_LIST, _VALUE_STRING, _VALUE_FUNCTION, _LISTED_FUNCTIONS = 1, 2, 10, 9
_REMEDY = "save the model without it"
# Graphs may carry whole programs in strings, of which only names matter.
_SHOWN_BYTES = 4_096


@dataclass(frozen=True, slots=True)
class Node:
    """One operation in a graph or function.

    Attributes:
        name: Its name there.
        operation: TensorFlow's name of what it does, or a function's.
        inputs: Names of the nodes before it, control inputs included.
        functions: Of the library, which it may call.
        strings: Its attributes that are strings, by name.
    """

    name: str
    operation: str
    inputs: tuple[str, ...]
    functions: tuple[str, ...]
    strings: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Graph:
    """A graph's own nodes by name, and those of its library's functions."""

    nodes: Mapping[str, Node]
    functions: Mapping[str, tuple[Node, ...]]


def read_graph(definition: View) -> Graph:
    """The nodes of a ``GraphDef``, their tensors left alone."""
    nodes = [_read_node(node) for node in parts(definition, _NODES)]
    functions: dict[str, tuple[Node, ...]] = {}
    for library in parts(definition, _LIBRARY):
        for function in parts(library, _FUNCTIONS):
            name = text(part(function, _SIGNATURE), _NAME)
            # Of two with one name nobody says which counts: both do.
            functions[name] = functions.get(name, ()) + tuple(
                _read_node(node) for node in parts(function, _FUNCTION_NODES)
            )
    unique = {node.name or f"#{index}": node for index, node in enumerate(nodes)}
    if len(unique) != len(nodes):
        raise ValueError("two nodes have one name")
    return Graph(unique, functions)


def _read_node(message: View) -> Node:
    strings: dict[str, str] = {}
    functions: list[str] = []
    for entry in parts(message, _ATTRIBUTE):
        for value in parts(entry, 2):
            for number, content in fields(value):
                if not isinstance(content, View):
                    continue
                if number == _VALUE_STRING:
                    shown = bytes(content[:_SHOWN_BYTES])
                    strings[text(entry, 1)] = shown.decode("utf-8", "backslashreplace")
                elif number == _VALUE_FUNCTION:
                    functions.append(text(content, 1))
                elif number == _VALUE_LIST:
                    functions += [text(each, 1) for each in parts(content, _LISTED_FUNCTIONS)]
    operation = text(message, _OPERATION)
    inputs = tuple(node_name(each) for each in texts(message, _INPUT))
    return Node(text(message, _NAME), operation, inputs, (operation, *functions), strings)


def node_name(reference: str) -> str:
    """The node in ``name:0``, ``name:output:0`` and ``^name``."""
    return reference.removeprefix("^").split(":", 1)[0]


def needed(graph: Graph, roots: Iterable[str]) -> frozenset[str]:
    """Names of the graph's own nodes that run when *roots* do."""
    found: set[str] = set()
    waiting = [node_name(root) for root in roots]
    while waiting:
        name = waiting.pop()
        if name not in found and name in graph.nodes:
            found.add(name)
            waiting.extend(graph.nodes[name].inputs)
    return frozenset(found)


def called(graph: Graph, nodes: Iterable[Node], functions: Iterable[str] = ()) -> frozenset[str]:
    """Names of the library's functions that *nodes* or *functions* reach."""
    found: set[str] = set()
    waiting = [*functions, *(name for node in nodes for name in node.functions)]
    while waiting:
        name = waiting.pop()
        if name not in found and name in graph.functions:
            found.add(name)
            waiting.extend(inner for node in graph.functions[name] for inner in node.functions)
    return frozenset(found)


def findings(where: str, nodes: Iterable[Node], allowed: frozenset[str]) -> Iterator[Finding]:
    """What *nodes* would do beyond computing, but for the operations *allowed* there."""
    for node in nodes:
        name = f"node {node.name!r}{where}"
        harm = tensorflow_ops.harm_of(node.operation)
        if harm and node.operation not in allowed:
            yield runs_code(name, f"its operation {node.operation} {harm}", _REMEDY)
        attribute = tensorflow_ops.FILE_ATTRIBUTES.get(node.operation)
        value = node.strings.get(attribute, "") if attribute else ""
        if value not in tensorflow_ops.HARMLESS_VALUES and not value.startswith("bytes://"):
            yield reads_outside(name, f"its operation {node.operation} opens {value!r}", _REMEDY)
