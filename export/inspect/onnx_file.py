"""ONNX files: data kept beside them, operators of foreign domains, sizes; at any depth.

An ONNX graph only computes.  What can lead astray is where its weights are said to be, and
operators that need somebody's library.  The numbers are those of ``onnx.proto``.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from export.inspect.finding import Finding, damaged, reads_outside, runs_code, too_large
from export.inspect.wire import View, numbers, part, parts, text, view_file

_GRAPH, _TRAINING, _FUNCTIONS = 7, 20, 25
_NODES, _INITIALIZERS, _SPARSE = 1, 5, 15
_FUNCTION_NAME, _FUNCTION_NODES, _FUNCTION_DOMAIN, _FUNCTION_ATTRIBUTES = 1, 7, 10, 11
_NODE_NAME, _NODE_OPERATOR, _NODE_ATTRIBUTES, _NODE_DOMAIN = 3, 4, 5, 7
_ATTRIBUTE_TENSOR, _ATTRIBUTE_GRAPH, _ATTRIBUTE_TENSORS, _ATTRIBUTE_GRAPHS = 5, 6, 10, 11
_ATTRIBUTE_SPARSE = (22, 23)
_DIMS, _TENSOR_NAME, _EXTERNAL = 1, 8, 13
# Packed numbers, strings, integers, raw bytes, doubles and unsigned ones.
_TENSOR_DATA = (4, 5, 6, 7, 9, 10, 11)
_MAX_DEPTH = 64
_FREE_ELEMENTS = 64_000_000
_DOMAINS = frozenset({
    "", "ai.onnx", "ai.onnx.ml", "ai.onnx.training", "ai.onnx.preview.training", "com.microsoft",
    "com.microsoft.nchwc", "com.ms.internal.nhwc", "com.microsoft.experimental",
})  # fmt: skip
# Operators of ONNX Runtime that run Python or load what another tool compiled.
_RUNNING = frozenset({"PythonOp", "PythonOpGrad", "ATen", "ExternalOp", "TritonOp", "EPContext"})
_REMEDY = "save the model with its weights inside, or in one file beside it"


def inspect_onnx(path: Path) -> Iterator[Finding]:
    """An ONNX file and where its weights are."""
    model = view_file(path)
    graph = part(model, _GRAPH)
    if not graph:
        yield damaged(path.name, "it has no graph")
    own = {
        (text(function, _FUNCTION_DOMAIN), text(function, _FUNCTION_NAME))
        for function in parts(model, _FUNCTIONS)
    }
    walk = _Walk(path.parent, frozenset(own))
    yield from walk.graph(graph, 0)
    for training in parts(model, _TRAINING):
        for inner in (1, 2):
            for each in parts(training, inner):
                yield from walk.graph(each, 0)
    for function in parts(model, _FUNCTIONS):
        yield from walk.nodes(function, _FUNCTION_NODES, 0)
        for attribute in parts(function, _FUNCTION_ATTRIBUTES):
            yield from walk.attribute(attribute, 0)


def external_files(path: Path) -> tuple[Path, ...]:
    """The files beside an ONNX file that hold its weights; those that were refused left out.

    Raises:
        ValueError: It is no ONNX file.
    """
    walk = _Walk(path.parent, frozenset())
    for _ in walk.graph(part(view_file(path), _GRAPH), 0):
        pass
    return tuple(sorted(walk.beside))


class _Walk:
    """Through graphs in graphs; remembers which files were found beside the model."""

    def __init__(self, folder: Path, functions: frozenset[tuple[str, str]]) -> None:
        self.beside: set[Path] = set()
        self._folder = folder
        self._functions = functions

    def graph(self, graph: View, depth: int) -> Iterator[Finding]:
        if depth > _MAX_DEPTH:
            raise ValueError("graphs in graphs without an end")
        for tensor in parts(graph, _INITIALIZERS):
            yield from self.tensor(tensor)
        for sparse in parts(graph, _SPARSE):
            yield from self.sparse(sparse)
        yield from self.nodes(graph, _NODES, depth)

    def nodes(self, holder: View, field: int, depth: int) -> Iterator[Finding]:
        for node in parts(holder, field):
            domain, operator = text(node, _NODE_DOMAIN), text(node, _NODE_OPERATOR)
            where = f"node {text(node, _NODE_NAME)!r} ({domain or 'ai.onnx'}:{operator})"
            if (domain, operator) not in self._functions:
                if domain not in _DOMAINS:
                    yield runs_code(where, "needs a library of its author", "export without it")
                elif domain and operator in _RUNNING:
                    yield runs_code(where, "runs code or a compiled file", "export without it")
            for attribute in parts(node, _NODE_ATTRIBUTES):
                yield from self.attribute(attribute, depth)

    def attribute(self, attribute: View, depth: int) -> Iterator[Finding]:
        for field in (_ATTRIBUTE_TENSOR, _ATTRIBUTE_TENSORS):
            for tensor in parts(attribute, field):
                yield from self.tensor(tensor)
        for field in _ATTRIBUTE_SPARSE:
            for sparse in parts(attribute, field):
                yield from self.sparse(sparse)
        for field in (_ATTRIBUTE_GRAPH, _ATTRIBUTE_GRAPHS):
            for graph in parts(attribute, field):
                yield from self.graph(graph, depth + 1)

    def sparse(self, sparse: View) -> Iterator[Finding]:
        for field in (1, 2):
            for tensor in parts(sparse, field):
                yield from self.tensor(tensor)

    def tensor(self, tensor: View) -> Iterator[Finding]:
        where = f"tensor {text(tensor, _TENSOR_NAME)!r}"
        external = {text(entry, 1): text(entry, 2) for entry in parts(tensor, _EXTERNAL)}
        elements = 1
        for length in numbers(tensor, _DIMS):
            # Negative lengths come as numbers of 64 bits, which are as absurd.
            elements *= length
        held = sum(len(each) for field in _TENSOR_DATA for each in parts(tensor, field))
        if external:
            yield from self._external(where, external)
        elif elements > _FREE_ELEMENTS and elements > 8 * held:
            yield too_large(where, f"says it has {elements:,} elements, in {held:,} bytes")

    def _external(self, where: str, external: dict[str, str]) -> Iterator[Finding]:
        location = external.get("location", "")
        path = PurePosixPath(location)
        is_inside = not (path.is_absolute() or ".." in path.parts or "\\" in location)
        if not location or not is_inside or ":" in location or "\0" in location:
            yield reads_outside(where, f"has its data in {location!r}", _REMEDY)
            return
        file = self._folder
        for step in path.parts:
            file /= step
            if file.is_symlink():
                yield reads_outside(where, f"has its data behind the link {location!r}", _REMEDY)
                return
        if not file.exists():
            yield damaged(where, f"has its data in {location!r}, which is not beside the model")
            return
        status = file.stat()
        if not stat.S_ISREG(status.st_mode):
            yield damaged(where, f"has its data in {location!r}, which is no file")
        elif status.st_nlink > 1:
            yield reads_outside(
                where, f"has its data in {location!r}, a hard link", "copy the file"
            )
        else:
            self.beside.add(file)
            yield from _fits(where, external, status.st_size)


def _fits(where: str, external: dict[str, str], size: int) -> Iterator[Finding]:
    offset, length = (int(external.get(key) or 0) for key in ("offset", "length"))
    if offset < 0 or length < 0 or offset + length > size:
        yield damaged(where, "has its data beyond the end of its file")
