"""Frozen TensorFlow graphs: one ``.pb`` file, whose inputs and outputs somebody has to name.

Where nobody does, they are guessed if only one guess is possible: placeholders go in, and
the one tensor that nothing else uses comes out.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import tensorflow as tf
from google.protobuf.message import DecodeError

from export.sources import tf_onnx, tf_signatures
from export.sources.labels_beside import labels_beside
from export.sources.source import GRAPH_FILE, Description, Options, Prelude
from export.sources.tf_signatures import Endpoint, clean_names, to_spec
from export.tensors import Tensors
from model_store.errors import ExportRefused
from model_store.spec import DEFAULT_SIGNATURE, Signature, TensorSpec

_PLACEHOLDER = "Placeholder"
_VARIABLES = {"VarHandleOp", "Variable", "VariableV2"}
# What ends a graph without being an answer.
_NO_ANSWERS = {"Assert", "Const", "NoOp", "Placeholder", "PlaceholderWithDefault", "Print"}


@dataclass(frozen=True, slots=True)
class FrozenGraph:
    """A source with one signature; see ``export.sources.source.Source``."""

    endpoint: Endpoint
    description: Description

    def describe(self) -> Description:
        """What it takes, gives and was made with."""
        return self.description

    def run(self, signature: str, inputs: Tensors) -> Tensors:
        """What the graph gives."""
        del signature  # there is one
        return tf_signatures.run(self.endpoint, inputs)

    def to_onnx(self, signature: str, folder: Path) -> tuple[str, ...]:
        """Write ``folder/model.onnx``, by way of a SavedModel."""
        with tempfile.TemporaryDirectory() as saved:
            self.to_saved_model(Path(saved), {})
            return tf_onnx.convert_saved_model(Path(saved), signature, folder / GRAPH_FILE)

    def to_saved_model(self, folder: Path, preludes: Mapping[str, Prelude]) -> tuple[str, ...]:
        """Write a SavedModel around the graph."""
        tf_signatures.save(folder, {DEFAULT_SIGNATURE: self.endpoint}, {}, preludes)
        return ()

    def layers(self, signature: str, inputs: Tensors) -> Iterator[tuple[str, Tensors]]:
        """Nothing: a graph has operations, and no layers."""
        del signature, inputs
        yield from ()


def load(path: Path, options: Options) -> FrozenGraph:
    """Load a frozen graph.

    Raises:
        ExportRefused: It is none, it still has variables, or its ends are not clear; lists them.
    """
    definition = _read(path)
    ends = _ends(definition, options)
    _reshape(definition, options)
    wrapped = _wrap(path, definition)
    inputs = [_tensor(wrapped.graph, name, ends) for name in ends.inputs]
    outputs = [_tensor(wrapped.graph, name, ends) for name in ends.outputs]
    names = clean_names(_bare(name) for name in (*ends.inputs, *ends.outputs))
    given, called = names[: len(inputs)], names[len(inputs) :]
    if options.output_names:
        called = _renamed(options.output_names, len(outputs))
    signature = Signature(
        tuple(map(_known_rank, given, inputs)),
        tuple(to_spec(name, tensor) for name, tensor in zip(called, outputs, strict=True)),
    )
    function = wrapped.prune(inputs, dict(zip(called, outputs, strict=True)))
    endpoint = Endpoint(
        signature, lambda tensors: dict(function(*(tensors[name] for name in given)))
    )
    labels, notes = labels_beside(path, signature)
    shown = f"{', '.join(ends.inputs)} to {', '.join(ends.outputs)}"
    description = Description(
        signatures={DEFAULT_SIGNATURE: signature},
        parameters=0,
        versions=tf_onnx.versions(),
        route=f"frozen TensorFlow graph, from {shown}",
        class_labels=labels,
        notes=notes,
    )
    return FrozenGraph(endpoint, description)


@dataclass(frozen=True, slots=True)
class _Ends:
    """Tensor names, ``node:0``, and what else could have been chosen."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    placeholders: tuple[str, ...]
    sinks: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"its placeholders are {', '.join(self.placeholders) or 'none'}; what nothing else "
            f"uses is {', '.join(self.sinks) or 'nothing'}"
        )


def _read(path: Path) -> Any:
    definition = tf.compat.v1.GraphDef()
    try:
        definition.ParseFromString(path.read_bytes())
    except (DecodeError, OSError) as error:
        raise ExportRefused(f"{path.name} is no TensorFlow graph: {error}") from error
    if not definition.node:
        raise ExportRefused(f"{path.name} is an empty graph")
    for node in definition.node:
        if node.op in _VARIABLES:
            raise ExportRefused(
                f"{path.name} is not frozen: {node.name} is a variable, whose numbers are in "
                "another file; freeze the graph, or give the SavedModel"
            )
    return definition


def _ends(definition: Any, options: Options) -> _Ends:
    placeholders = tuple(f"{node.name}:0" for node in definition.node if node.op == _PLACEHOLDER)
    used = {_node(name) for node in definition.node for name in node.input}
    sinks = tuple(
        f"{node.name}:0"
        for node in definition.node
        if node.name not in used and node.op not in _NO_ANSWERS
    )
    ends = _Ends(
        tuple(map(_indexed, options.inputs)) or placeholders,
        tuple(map(_indexed, options.outputs)) or sinks,
        placeholders,
        sinks,
    )
    if not ends.inputs:
        raise ExportRefused(f"the graph has no placeholder; name its inputs with --inputs ({ends})")
    if len(ends.outputs) != 1 and not options.outputs:
        raise ExportRefused(f"the outputs are not clear; name them with --outputs ({ends})")
    return ends


def _reshape(definition: Any, options: Options) -> None:
    """Put the author's shapes into placeholders."""
    for node in definition.node:
        shape = options.shapes.get(node.name) or options.shapes.get(f"{node.name}:0")
        if shape is not None and node.op == _PLACEHOLDER:
            node.attr["shape"].shape.CopyFrom(tf.TensorShape(shape).as_proto())


def _wrap(path: Path, definition: Any) -> Any:
    try:
        return tf.compat.v1.wrap_function(
            lambda: tf.graph_util.import_graph_def(definition, name=""), []
        )
    except Exception as error:  # TensorFlow has no error of its own
        raise ExportRefused(f"TensorFlow cannot load {path.name}: {error}") from error


def _tensor(graph: Any, name: str, ends: _Ends) -> Any:
    try:
        return graph.get_tensor_by_name(name)
    except (KeyError, ValueError) as error:
        raise ExportRefused(f"the graph has no tensor {name} ({ends})") from error


def _known_rank(name: str, tensor: Any) -> TensorSpec:
    spec = to_spec(name, tensor)
    if spec.shape is None:
        raise ExportRefused(
            f"the graph does not say the shape of {tensor.name}; give it with "
            f"--shape {_bare(tensor.name)}=N,224,224,3"
        )
    return spec


def _renamed(wanted: tuple[str, ...], count: int) -> list[str]:
    if len(wanted) != count:
        raise ExportRefused(f"the graph has {count} outputs, --output-names {len(wanted)}")
    return list(wanted)


def _indexed(name: str) -> str:
    return name if ":" in name else f"{name}:0"


def _bare(name: str) -> str:
    return name.removesuffix(":0")


def _node(name: str) -> str:
    """The node behind an input's name: ``^node``, ``node`` or ``node:1``."""
    return name.removeprefix("^").partition(":")[0]
