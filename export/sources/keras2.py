"""Keras 2 files: legacy ``.h5`` (Teachable Machine's too) and ``.keras``, loaded by tf_keras.

Keras 3 refuses what Keras 2 wrote of DepthwiseConv2D (``groups``) and of nested Sequential
models; tf_keras reads all of it.  It also runs the code of Lambda layers in ``.h5`` files,
whatever its safe mode says, so the configuration is read first.
"""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import h5py
import tf_keras

from export.sources import tf_onnx
from export.sources.keras_face import Face, face_of_call, face_of_graph
from export.sources.keras_files import load_by_either, refuse_weights_alone
from export.sources.keras_model import KerasModel, learn_classes, make
from export.sources.source import Options, Source
from model_store.errors import ExportRefused


def load(path: Path, options: Options) -> Source:
    """Load a Keras 2 ``.h5`` or ``.keras`` file.

    Raises:
        ExportRefused: It has a Lambda layer and is not trusted, or cannot be loaded.
    """
    refuse_weights_alone(path)
    return load_by_either(path, options, ("export.sources.keras2", "export.sources.keras3"))


def open_model(path: Path, options: Options) -> KerasModel:
    """Load with tf_keras and nothing else.

    Raises:
        ExportRefused: As ``load`` does.
    """
    if not options.is_trusted:
        _refuse_code(path)
    learn_classes(options)
    try:
        model = tf_keras.models.load_model(path, compile=False, safe_mode=not options.is_trusted)
    except Exception as error:  # Keras raises whatever its layers raise
        raise ExportRefused(f"tf_keras cannot load {path.name}: {error}") from error
    versions = {"tf_keras": tf_keras.__version__, **tf_onnx.versions()}
    form = "legacy HDF5" if h5py.is_hdf5(path) else ".keras archive"
    route = f"Keras 2 {type(model).__name__} ({form}), by tf_keras and a SavedModel"
    return make(
        path, model, _face(model, options), list(model.variables), route=route, versions=versions
    )


def _face(model: Any, options: Options) -> Face:
    if getattr(model, "_nested_inputs", None) is None:
        return face_of_call(model, options)
    return face_of_graph(
        model._nested_inputs,  # noqa: SLF001  # the one place with keys and nesting
        model._nested_outputs,  # noqa: SLF001
        list(model.output_names),
        options,
    )


def _refuse_code(path: Path) -> None:
    if name := _lambda_name(_config(path)):
        raise ExportRefused(
            f"{path.name} has a Lambda layer, {name}: that is code, and code in a model file is "
            "not run; put a layer such as Rescaling in its place and save the model again, or say "
            "--trust"
        )


def _config(path: Path) -> Any:
    """The model's configuration, as JSON; what cannot be read is left to Keras to refuse."""
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                return json.loads(archive.read("config.json"))
        with h5py.File(path, "r") as file:
            return json.loads(file.attrs["model_config"])
    except (OSError, KeyError, ValueError, RecursionError) as error:
        raise ExportRefused(f"{path.name} has no Keras configuration that can be read") from error


def _lambda_name(config: Any) -> str:
    """The name of the first Lambda layer at any depth; empty if there is none."""
    waiting = [config]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            if part.get("class_name") == "Lambda":
                inner = part.get("config")
                return str(inner.get("name", "lambda") if isinstance(inner, dict) else "lambda")
            waiting.extend(part.values())
        elif isinstance(part, list):
            waiting.extend(part)
    return ""
