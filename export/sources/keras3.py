"""A Keras 3 model, as its author calls it.

The road to ONNX is Keras -> SavedModel -> tf2onnx: ``from_keras`` fails for every Keras 3
Sequential, and Keras' own ONNX export loses the constants of Normalization layers.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras

from export.sources import tf_onnx, tf_signatures
from export.sources.source import GRAPH_FILE, Description, Options, Prelude
from export.sources.tf_signatures import Endpoint
from export.tensors import Tensors
from model_store.errors import ExportRefused
from model_store.spec import DEFAULT_SIGNATURE, Signature, TensorSpec


@dataclass(frozen=True, slots=True)
class Keras3Source:
    """A loaded model; its one signature is ``serving_default``."""

    model: Any
    endpoint: Endpoint
    names: tuple[str, ...]

    def describe(self) -> Description:
        """What it takes, gives and was made with."""
        return Description(
            signatures={DEFAULT_SIGNATURE: self.endpoint.signature},
            parameters=int(self.model.count_params()),
            versions={"keras": keras.__version__, **tf_onnx.versions()},
            route=f"Keras 3 {type(self.model).__name__}, by way of a SavedModel",
        )

    def run(self, signature: str, inputs: Tensors) -> Tensors:
        """What ``model.predict`` gives, by output name."""
        del signature  # there is one
        if any(tensor.dtype.kind == "S" for tensor in inputs.values()):
            return tf_signatures.run(self.endpoint, inputs)  # predict takes no strings
        outputs = self.model.predict(_arranged(self.model, inputs), batch_size=64, verbose=0)
        named = _named(self.names, outputs)
        return {name: tf_signatures.to_array(output) for name, output in named.items()}

    def to_onnx(self, signature: str, folder: Path) -> tuple[str, ...]:
        """Write ``folder/model.onnx``; returns notes for people."""
        with tempfile.TemporaryDirectory() as saved:
            self.to_saved_model(Path(saved), {})
            return tf_onnx.convert_saved_model(Path(saved), signature, folder / GRAPH_FILE)

    def to_saved_model(self, folder: Path, preludes: Mapping[str, Prelude]) -> tuple[str, ...]:
        """Write a SavedModel."""
        tracked = {
            "model": self.model,
            # Keras does not show TensorFlow the states of augmentation layers' random generators.
            "variables_": [variable.value for variable in self.model.variables],
        }
        tf_signatures.save(folder, {DEFAULT_SIGNATURE: self.endpoint}, tracked, preludes)
        return ()

    def layers(self, signature: str, inputs: Tensors) -> Iterator[tuple[str, Tensors]]:
        """Each layer's outputs in the order of the graph; models inside are looked into."""
        del signature
        arranged = [inputs[tensor.name] for tensor in self.model.inputs]
        yield from layers_of(self.model, arranged, "")


def load(path: Path, options: Options) -> Keras3Source:
    """Load a ``.keras`` or ``.h5`` file; code in it is not run, unless it is trusted.

    Raises:
        ExportRefused: Keras cannot load it, or it does not say what it takes.
    """
    try:
        # Keras refuses Lambda layers with code of their own in safe mode.
        model = keras.models.load_model(path, compile=False, safe_mode=not options.is_trusted)
    except Exception as error:  # Keras raises whatever its layers raise
        if "Lambda" in str(error):
            raise ExportRefused(
                f"{path.name} has a Lambda layer: that is code, and code in a model file is not "
                "run; put a layer such as Rescaling in its place and save the model again, or "
                "say --trust"
            ) from error
        remedy = ""
        if "Could not locate" in str(error):
            remedy = "; a class of its own is code: call model.export(FOLDER) there, and give that"
        raise ExportRefused(f"Keras cannot load {path.name}: {error}{remedy}") from error
    if not getattr(model, "built", False) or not getattr(model, "inputs", None):
        raise ExportRefused(
            f"{path.name} does not say what it takes; begin the model with keras.Input(shape)"
        )
    names = output_names(model, path, options.output_names)
    outputs = [to_spec(name, tensor) for name, tensor in zip(names, model.outputs, strict=True)]
    inputs = [to_spec(tensor.name, tensor) for tensor in model.inputs]

    def call(tensors: Mapping[str, Any]) -> Mapping[str, Any]:
        return _named(names, model(_arranged(model, tensors), training=False))

    return Keras3Source(model, Endpoint(Signature(tuple(inputs), tuple(outputs)), call), names)


def to_spec(name: str, tensor: Any) -> TensorSpec:
    """What Keras says of a tensor, under *name*."""
    dtype = "bytes" if tensor.dtype == "string" else str(tensor.dtype)
    return TensorSpec(name, dtype, tuple(tensor.shape))


def output_names(model: Any, path: Path, wanted: tuple[str, ...]) -> tuple[str, ...]:
    """What the outputs are called, in the order in which Keras flattens them.

    Raises:
        ExportRefused: Two would have one name, or *wanted* has another count.
    """
    structure = graph_of(model)._outputs_struct  # noqa: SLF001
    count = len(model.outputs)
    if wanted and len(wanted) != count:
        raise ExportRefused(f"{path.name} has {count} outputs, --output-names {len(wanted)}")
    if wanted:
        names = wanted
    elif isinstance(structure, dict) and len(structure) == count:
        names = tuple(str(name) for name in sorted(structure))
    else:
        names = ("scores",) if count == 1 else tuple(model.output_names)
    if len(set(names)) < len(names):
        raise ExportRefused(
            f"{path.name} has two outputs of one name: {', '.join(names)}; see --output-names"
        )
    return names


def layers_of(model: Any, inputs: list[Any], prefix: str) -> Iterator[tuple[str, Tensors]]:
    """Each operation's outputs in the order of the graph; models inside are looked into.

    Args:
        model: A functional model.
        inputs: One array for each of ``model.inputs``.
        prefix: Of the names.
    """
    graph = graph_of(model)
    # A layer that is called twice has two nodes, of which perhaps one is of this model.
    known = {id(node) for nodes in graph._nodes_by_depth.values() for node in nodes}  # noqa: SLF001
    nodes = [
        (operation, node)
        for operation in graph.operations
        for node in operation._inbound_nodes  # noqa: SLF001
        if id(node) in known and not isinstance(operation, keras.layers.InputLayer)
    ]
    ends = [[*node.input_tensors, *node.output_tensors] for _, node in nodes]
    probe = keras.Model(graph.inputs, [tensor for some in ends for tensor in some])
    # A model of one output gives it bare.
    values = keras.tree.flatten(probe.predict(inputs, batch_size=64, verbose=0))
    for (operation, node), some in zip(nodes, ends, strict=True):
        name, taken = f"{prefix}{operation.name}", len(node.input_tensors)
        arrays, values = values[: len(some)], values[len(some) :]
        if isinstance(operation, keras.Model):
            yield from layers_of(operation, arrays[:taken], f"{name}/")
        yield name, {f"{name}:{index}": each for index, each in enumerate(arrays[taken:])}


def _arranged(model: Any, tensors: Mapping[str, Any]) -> Any:
    """Tensors by input name as the model's author hands them over."""
    graph = graph_of(model)
    flat = [tensors[tensor.name] for tensor in graph.inputs]
    return keras.tree.pack_sequence_as(graph._inputs_struct, flat)  # noqa: SLF001  # nothing public


def graph_of(model: Any) -> Any:
    """The functional model that a Sequential keeps inside, or *model* itself."""
    return getattr(model, "_functional", None) or model


def _named(names: tuple[str, ...], outputs: Any) -> dict[str, Any]:
    return dict(zip(names, keras.tree.flatten(outputs), strict=True))
