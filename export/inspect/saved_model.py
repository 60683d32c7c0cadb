"""SavedModels: what the graph's initializers and signatures, and Keras' notes beside it, would do.

TensorFlow runs a SavedModel's initializers when it loads it, and every operation of a
signature when it is called.  Restoring the variables is what its saver is for: file
operations are allowed there and nowhere else.  Numbers of fields are those of
``meta_graph.proto``, ``saver.proto`` and ``saved_object_graph.proto``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from export.inspect import keras_config, tensorflow_ops
from export.inspect.files import inspect_tree
from export.inspect.finding import Finding, damaged, reads_outside, too_large
from export.inspect.tensorflow_graph import Graph, called, findings, needed, read_graph
from export.inspect.wire import View, part, parts, text, texts, view_file

_META_GRAPHS = 2
_GRAPH, _SAVER, _COLLECTIONS, _SIGNATURES, _ASSETS, _OBJECTS = 2, 3, 4, 5, 6, 7
_SAVE_TENSOR, _RESTORE = 2, 3
_KERAS_NODES, _KERAS_PATH, _KERAS_METADATA = 1, 3, 5
_MAX_JSON_BYTES = 64_000_000
_OTHER_GRAPHS = ("saved_model.cpb", "saved_model.pbtxt")
_NOTHING: frozenset[str] = frozenset()


def inspect_saved_model(folder: Path) -> Iterator[Finding]:
    """Everything in the folder of a SavedModel."""
    yield from inspect_tree(folder)
    graph_file = folder / "saved_model.pb"
    if not graph_file.is_file():
        yield damaged("saved_model.pb", "is missing")
        return
    for name in _OTHER_GRAPHS:
        if (folder / name).exists():
            yield damaged(name, "is a second graph, and loaders differ in which they read")
    for meta_graph in parts(view_file(graph_file), _META_GRAPHS):
        yield from _inspect_meta_graph(meta_graph, folder)
    keras_file = folder / "keras_metadata.pb"
    if keras_file.is_file():
        yield from _inspect_keras(view_file(keras_file))


def inspect_graph_def(path: Path) -> Iterator[Finding]:
    """A frozen graph: a ``GraphDef`` in a file; it has no saver and no assets."""
    graph = read_graph(view_file(path))
    if not graph.nodes:
        yield damaged(path.name, "it is no graph")
    yield from findings("", graph.nodes.values(), _NOTHING)
    for name, nodes in graph.functions.items():
        yield from findings(f" in function {name!r}", nodes, _NOTHING)
    yield from _tables(graph, _NOTHING)


def _inspect_meta_graph(meta_graph: View, folder: Path) -> Iterator[Finding]:
    graph = read_graph(part(meta_graph, _GRAPH))
    run = needed(graph, _roots(meta_graph))
    loaded = called(graph, (graph.nodes[name] for name in run), _object_functions(meta_graph))
    saver = part(meta_graph, _SAVER)
    restore = needed(graph, [text(saver, _RESTORE)])
    restored = called(graph, (graph.nodes[name] for name in restore))
    for name, node in graph.nodes.items():
        yield from findings("", [node], _allowed(name, run, restore))
    for name, nodes in graph.functions.items():
        yield from findings(f" in function {name!r}", nodes, _allowed(name, loaded, restored))
    yield from _inspect_objects(part(meta_graph, _OBJECTS))
    asset_files = frozenset[str]()
    for asset in parts(meta_graph, _ASSETS):
        asset_files |= {text(part(asset, 1), 1).split(":")[0]}
        yield from _inspect_asset(text(asset, 2), folder)
    yield from _tables(graph, asset_files)


def _allowed(name: str, run: frozenset[str], restore: frozenset[str]) -> frozenset[str]:
    """Which file operations may stand at a place: loading restores, and only saving writes."""
    if name in run:
        return _NOTHING
    return tensorflow_ops.RESTORE if name in restore else tensorflow_ops.SAVER


def _roots(meta_graph: View) -> Iterator[str]:
    """Every tensor and node that some loader runs: the signatures' and the collections'."""
    for entry in parts(meta_graph, _SIGNATURES):
        for tensors in parts(part(entry, 2), 2):
            for info in parts(tensors, 2):
                yield from _tensor_names(info)
    for entry in parts(meta_graph, _COLLECTIONS):
        for collection in parts(entry, 2):
            for names in parts(collection, 1):
                yield from texts(names, 1)


def _tensor_names(info: View) -> Iterator[str]:
    """A ``TensorInfo``'s tensor; sparse and composite ones name theirs one level down."""
    yield text(info, 1)
    for inner in parts(info, 4):
        for number in (1, 2, 3):
            yield from texts(inner, number)
    for composite in parts(info, 5):
        for inner in parts(composite, 2):
            yield text(inner, 1)


def _object_functions(meta_graph: View) -> Iterator[str]:
    """Functions that belong to the objects: called by their initializers or by signatures."""
    objects = part(meta_graph, _OBJECTS)
    for entry in parts(objects, 2):
        yield text(entry, 1)
    for node in parts(objects, 1):
        for function in parts(node, 6):
            yield from texts(function, 1)
        for concrete in parts(node, 8):
            yield text(concrete, 1)


def _inspect_asset(name: str, folder: Path) -> Iterator[Finding]:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name:
        yield reads_outside(f"asset {name!r}", "is outside the folder", "save the model again")
    elif not (folder / "assets" / name).is_file():
        yield damaged(f"asset {name!r}", "is missing in assets/")


def _tables(graph: Graph, assets: frozenset[str]) -> Iterator[Finding]:
    """Vocabularies that do not come from an asset; an argument of a function is fed with one."""
    places = [("", dict(graph.nodes), assets)]
    places += [
        (f" in function {name!r}", {node.name: node for node in nodes}, _NOTHING)
        for name, nodes in graph.functions.items()
    ]
    for where, nodes, known in places:
        for node in nodes.values():
            if node.operation not in tensorflow_ops.TEXT_FILE_TABLES:
                continue
            for before in needed(Graph(nodes, {}), node.inputs[1:]) - known:
                if nodes[before].operation not in {"Identity", "Placeholder", "_Arg", "NoOp"}:
                    yield reads_outside(
                        f"node {node.name!r}{where}",
                        f"{node.operation} opens a file that is no asset of the model",
                        "save the model with its vocabulary as an asset",
                    )
                    break


def _inspect_objects(objects: View) -> Iterator[Finding]:
    """Keras' notes in the graph itself, where TensorFlow 2.0 to 2.4 had them."""
    for node in parts(objects, 1):
        for user_object in parts(node, 4):
            if text(user_object, 1).startswith("_tf_keras"):
                yield from _inspect_notes(part(user_object, 3), text(user_object, 1))


def _inspect_keras(metadata: View) -> Iterator[Finding]:
    """``keras_metadata.pb``: one JSON config for each layer, which Keras 2 revives."""
    for node in parts(metadata, _KERAS_NODES):
        yield from _inspect_notes(part(node, _KERAS_METADATA), text(node, _KERAS_PATH))


def _inspect_notes(raw: View, where: str) -> Iterator[Finding]:
    if len(raw) > _MAX_JSON_BYTES:
        yield too_large(where, "has a Keras config that is too long to be read")
    elif raw:
        yield from keras_config.inspect_config(json.loads(bytes(raw)))
