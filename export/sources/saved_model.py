"""TensorFlow SavedModels, of any number of signatures; those that Keras 2 wrote too.

Only the signatures are called: the Python objects that Keras 2 would revive beside them
are left alone, and with them the code of its Lambda layers.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import tensorflow as tf

from export.sources import tf_onnx, tf_signatures
from export.sources.labels_beside import labels_beside
from export.sources.source import GRAPH_FILE, Description, Options, Prelude
from export.sources.tf_signatures import Endpoint, endpoint_of
from export.tensors import Tensors
from model_store.errors import ExportRefused
from model_store.spec import DEFAULT_SIGNATURE

_SERVING_TAG = "serve"


@dataclass(frozen=True, slots=True)
class SavedModel:
    """A source; see ``export.sources.source.Source``.

    Attributes:
        folder: Where it lies.
        loaded: What TensorFlow made of it.
        endpoints: By signature name.
        description: What is told of it.
    """

    folder: Path
    loaded: Any
    endpoints: Mapping[str, Endpoint]
    description: Description

    def describe(self) -> Description:
        """What it takes, gives and was made with."""
        return self.description

    def run(self, signature: str, inputs: Tensors) -> Tensors:
        """What the signature's function gives."""
        return tf_signatures.run(self.endpoints[signature], inputs)

    def to_onnx(self, signature: str, folder: Path) -> tuple[str, ...]:
        """Write ``folder/model.onnx``; returns notes for people."""
        return tf_onnx.convert_saved_model(self.folder, signature, folder / GRAPH_FILE)

    def to_saved_model(self, folder: Path, preludes: Mapping[str, Prelude]) -> tuple[str, ...]:
        """Copy it, or write it anew where something stands before an input."""
        if not preludes:
            shutil.copytree(self.folder, folder, dirs_exist_ok=True)
            return ()
        tf_signatures.save(folder, self.endpoints, {"model": self.loaded}, preludes)
        return ()

    def layers(self, signature: str, inputs: Tensors) -> Iterator[tuple[str, Tensors]]:
        """Nothing: a signature has operations, and no layers."""
        del signature, inputs
        yield from ()


def load(path: Path, options: Options) -> SavedModel:
    """Load a SavedModel's folder, or the ``saved_model.pb`` in it.

    Raises:
        ExportRefused: TensorFlow cannot load it, or nothing in it can be called.
    """
    del options  # it names its tensors itself
    folder = path if path.is_dir() else path.parent
    loaded = _load(folder)
    endpoints, notes = _endpoints(loaded)
    if not endpoints:
        raise ExportRefused(
            f"{folder.name} has no signature that can be called{''.join(notes)}; save it with "
            "tf.saved_model.save(model, folder, signatures=...), or a Keras model with "
            "model.export(folder)"
        )
    usual = endpoints.get(DEFAULT_SIGNATURE) or next(iter(endpoints.values()))
    labels, more = labels_beside(folder, usual.signature)
    is_keras = (folder / "keras_metadata.pb").is_file()
    description = Description(
        signatures={name: endpoint.signature for name, endpoint in endpoints.items()},
        parameters=_count(loaded),
        versions=tf_onnx.versions(),
        route=f"{'Keras 2' if is_keras else 'TensorFlow'} SavedModel, by its signatures",
        class_labels=labels,
        notes=(*notes, *more),
    )
    return SavedModel(folder, loaded, endpoints, description)


def _load(folder: Path) -> Any:
    try:
        return tf.saved_model.load(str(folder))
    except Exception as error:  # TensorFlow has no error of its own
        if "MetaGraph" not in str(error):
            raise ExportRefused(f"TensorFlow cannot load {folder.name}: {error}") from error
    try:
        return tf.saved_model.load(str(folder), tags=_SERVING_TAG)
    except Exception as error:
        raise ExportRefused(f"TensorFlow cannot load {folder.name}: {error}") from error


def _endpoints(loaded: Any) -> tuple[dict[str, Endpoint], tuple[str, ...]]:
    """What can be called, and a note on each signature that cannot."""
    endpoints, notes = {}, []
    for name, function in getattr(loaded, "signatures", {}).items():
        try:
            endpoints[str(name)] = endpoint_of(function)
        except ExportRefused as error:
            notes.append(f"the signature {name} was left out: {error}")
    return endpoints, tuple(notes)


def _count(loaded: Any) -> int:
    """How many numbers the signatures read from variables."""
    variables = {
        id(variable): variable
        for function in loaded.signatures.values()
        for variable in getattr(function, "variables", ())
    }
    return sum(prod(variable.shape.as_list()) for variable in variables.values())
