"""A loaded Keras model, of Keras 2 or 3: called as its author would, rewritten, looked into.

Both Keras have the same words; where they differ, ``keras2`` and ``keras3`` say so.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import tensorflow as tf

from export.sources import tf_onnx, tf_signatures
from export.sources.keras_face import Face
from export.sources.keras_layers import watch_layers
from export.sources.labels_beside import labels_beside
from export.sources.source import GRAPH_FILE, Description, Options, Prelude
from export.sources.tf_signatures import Endpoint, to_array
from export.tensors import Tensors
from model_store.errors import ExportRefused
from model_store.spec import DEFAULT_SIGNATURE

_ROWS = 64  # at a time, so that many samples need no more memory than these


@dataclass(frozen=True, slots=True)
class KerasModel:
    """A source; see ``export.sources.source.Source``.

    Attributes:
        model: The Keras model.
        face: What it takes and gives.
        description: What is told of it.
        variables: TensorFlow's, the states of random generators included.
    """

    model: Any
    face: Face
    description: Description
    variables: list[Any]

    def describe(self) -> Description:
        """What it takes, gives and was made with."""
        return self.description

    def run(self, signature: str, inputs: Tensors) -> Tensors:
        """What ``model.predict`` gives."""
        _check(signature)
        given = self._given(inputs)
        outputs = self.model.predict(self.face.to_inputs(given), batch_size=_ROWS, verbose=0)
        return {name: to_array(output) for name, output in self._named(outputs).items()}

    def to_onnx(self, signature: str, folder: Path) -> tuple[str, ...]:
        """Write ``folder/model.onnx``, by way of a SavedModel."""
        _check(signature)
        with tempfile.TemporaryDirectory() as saved:
            self.to_saved_model(Path(saved), {})
            return tf_onnx.convert_saved_model(Path(saved), signature, folder / GRAPH_FILE)

    def to_saved_model(self, folder: Path, preludes: Mapping[str, Prelude]) -> tuple[str, ...]:
        """Write a SavedModel that calls the model as it is at inference."""
        endpoint = Endpoint(self.face.signature, self._call)
        # The model itself is left out: TensorFlow would visit everything that Keras hangs on it,
        # which takes ten times as long.
        tracked = {"variables_": self.variables, "tables_": _tables(self.model)}
        tf_signatures.save(folder, {DEFAULT_SIGNATURE: endpoint}, tracked, preludes)
        return ()

    def layers(self, signature: str, inputs: Tensors) -> Iterator[tuple[str, Tensors]]:
        """What each layer computes for one batch; those of nested models as ``model/layer``."""
        _check(signature)
        with watch_layers(self.model) as seen:
            self.model(self.face.to_inputs(self._given(inputs)), training=False)
        yield from seen

    def _given(self, inputs: Tensors) -> list[Any]:
        return [
            tf_signatures.to_tensor(inputs[spec.name], spec) for spec in self.face.signature.inputs
        ]

    def _call(self, tensors: Mapping[str, Any]) -> Mapping[str, Any]:
        given = [tensors[spec.name] for spec in self.face.signature.inputs]
        return self._named(self.model(self.face.to_inputs(given), training=False))

    def _named(self, outputs: Any) -> dict[str, Any]:
        names = [spec.name for spec in self.face.signature.outputs]
        return dict(zip(names, tf.nest.flatten(outputs), strict=True))


def _tables(model: Any) -> list[Any]:
    """Lookup tables of text layers, which a SavedModel must hold as it holds variables."""
    return [
        value
        for layer in model._flatten_layers()  # noqa: SLF001  # those inside others too
        for value in vars(layer).values()
        if isinstance(value, tf.saved_model.experimental.TrackableResource)
    ]


def _check(signature: str) -> None:
    if signature != DEFAULT_SIGNATURE:
        raise ExportRefused(f"a Keras model has the one signature {DEFAULT_SIGNATURE}")


def learn_classes(options: Options) -> None:
    """Import the author's own module, so that Keras knows the classes it registers.

    Raises:
        ExportRefused: There is no such module.
    """
    if not options.module:
        return
    module, _, _ = options.module.partition(":")
    try:
        import_module(module)
    except ImportError as error:
        raise ExportRefused(f"--module {module} cannot be imported: {error}") from error


def make(
    path: Path,
    model: Any,
    face: Face,
    variables: list[Any],
    *,
    route: str,
    versions: Mapping[str, str],
) -> KerasModel:
    """A source, described, with the class labels that lie beside its file."""
    labels, notes = labels_beside(path, face.signature)
    description = Description(
        signatures={DEFAULT_SIGNATURE: face.signature},
        parameters=int(model.count_params()),
        versions=versions,
        route=route,
        class_labels=labels,
        notes=notes,
    )
    return KerasModel(model, face, description, variables)
