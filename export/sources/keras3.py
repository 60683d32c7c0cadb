"""Keras 3 files: ``.keras`` and ``.h5``, loaded by Keras on TensorFlow.

The road to ONNX is a SavedModel: ``from_keras`` of tf2onnx fails for every Keras 3
Sequential, and Keras' own ONNX export loses the constants of Normalization layers.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import h5py
import keras

from export.sources import tf_onnx
from export.sources.keras_face import Face, face_of_call, face_of_graph
from export.sources.keras_files import load_by_either, refuse_weights_alone
from export.sources.keras_model import KerasModel, learn_classes, make
from export.sources.source import Options, Source
from model_store.errors import ExportRefused


def load(path: Path, options: Options) -> Source:
    """Load a ``.keras`` or ``.h5`` file; code in it does not run unless it is trusted.

    Raises:
        ExportRefused: It cannot be loaded, or does not say what it takes; says what to do.
    """
    refuse_weights_alone(path)
    return load_by_either(path, options, ("export.sources.keras3", "export.sources.keras2"))


def open_model(path: Path, options: Options) -> KerasModel:
    """Load with Keras 3 and nothing else.

    Raises:
        ExportRefused: Keras 3 cannot load it.
    """
    learn_classes(options)
    try:
        # In safe mode Keras refuses Lambda layers with code of their own.
        model = keras.models.load_model(path, compile=False, safe_mode=not options.is_trusted)
    except Exception as error:  # Keras raises whatever its layers raise
        raise ExportRefused(_refusal(path, str(error))) from error
    variables = [variable.value for variable in model.variables]
    versions = {"keras": keras.__version__, **tf_onnx.versions()}
    form = "HDF5" if h5py.is_hdf5(path) else ".keras archive"
    route = f"Keras 3 {type(model).__name__} ({form}), by way of a SavedModel"
    return make(path, model, _face(model, options), variables, route=route, versions=versions)


def _refusal(path: Path, said: str) -> str:
    if "Lambda" in said:
        return (
            f"{path.name} has a Lambda layer: that is code, and code in a model file is not run; "
            "put a layer such as Rescaling in its place and save the model again, or say --trust"
        )
    remedy = ""
    if "Could not locate" in said:
        remedy = (
            "; a class of its own is code: name the module that registers it with --module, or "
            "call model.export(FOLDER) where it is, and give that"
        )
    return f"Keras cannot load {path.name}: {said}{remedy}"


def _face(model: Any, options: Options) -> Face:
    graph = getattr(model, "_functional", None) or model  # a Sequential keeps a Functional
    if not hasattr(graph, "_inputs_struct"):
        return face_of_call(model, options)
    return face_of_graph(
        graph._inputs_struct,  # noqa: SLF001  # the one place with keys and nesting
        graph._outputs_struct,  # noqa: SLF001
        list(graph.output_names),
        options,
    )
