"""A Keras 3 model: loading it, calling it as its author would, and making ONNX of it.

The route is Keras -> SavedModel -> tf2onnx: ``from_keras`` fails for every Keras 3
Sequential, and Keras' own ONNX export loses the constants of Normalization layers.
Imported only when such a model is exported; TensorFlow comes with it.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import onnx
import tensorflow as tf
import tf2onnx
from numpy.typing import NDArray
from tf2onnx import tf_loader

from export.scaling import Scaling
from export.tensors import Tensors
from model_store.errors import ExportRefused

OPSET = 18


@dataclass(frozen=True, slots=True)
class KerasSource:
    """A loaded model with one image-like input."""

    model: Any
    input_shape: tuple[int | None, ...]
    output_names: tuple[str, ...]

    def predict(self, pixels: NDArray[np.uint8], scaling: Scaling) -> Tensors:
        """What the author's own code computes: scale in numpy, call the model."""
        outputs = self.model.predict(scaling.apply(pixels), batch_size=64, verbose=0)
        return self._named(outputs)

    def _named(self, outputs: Any) -> dict[str, Any]:
        if isinstance(outputs, dict):
            return {str(name): output for name, output in outputs.items()}
        listed = outputs if isinstance(outputs, list | tuple) else [outputs]
        return dict(zip(self.output_names, listed, strict=True))

    @property
    def parameters(self) -> int:
        """How many numbers were trained."""
        return int(self.model.count_params())


def load(path: Path) -> KerasSource:
    """Load a ``.keras`` or ``.h5`` file; code in it is not run.

    Raises:
        ExportRefused: Keras cannot load it, or it has not exactly one input.
    """
    try:
        # Keras refuses Lambda layers with code of their own in safe mode.
        model = keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises whatever its layers raise
        raise ExportRefused(f"Keras cannot load {path}: {error}") from error
    if len(model.inputs) != 1:
        raise ExportRefused(f"{path} has {len(model.inputs)} inputs; one picture is one input")
    names = ("scores",) if len(model.outputs) == 1 else tuple(model.output_names)
    return KerasSource(model, tuple(model.inputs[0].shape), names)


def to_onnx(source: KerasSource, scaling: Scaling, tensor: str, target: Path) -> None:
    """Write the model to *target* with a uint8 input named *tensor* and the scaling inside.

    Raises:
        ExportRefused: tf2onnx failed, or left an operation that ONNX does not have.
    """
    model = source.model

    @tf.function(
        input_signature=[tf.TensorSpec((None, *source.input_shape[1:]), tf.uint8, name=tensor)]
    )
    def serve(pixels: Any) -> dict[str, Any]:
        scaled = tf.cast(pixels, tf.float32) * scaling.scale + scaling.offset
        return source._named(model(scaled, training=False))

    module = tf.Module()
    module.model, module.serve = model, serve
    with tempfile.TemporaryDirectory() as folder, _quiet():
        tf.saved_model.save(module, folder, signatures={"serving_default": serve})
        graph, inputs, outputs, renames = tf_loader.from_saved_model(
            folder, None, None, return_tensors_to_rename=True
        )
        try:
            proto, _ = tf2onnx.convert._convert_common(
                graph,
                name=model.name,
                opset=OPSET,
                input_names=inputs,
                output_names=outputs,
                tensors_to_rename=renames,
            )
        except Exception as error:  # tf2onnx has no error of its own
            raise ExportRefused(f"tf2onnx cannot convert the model: {error}") from error
    _check(proto)
    _name_batch_axis(proto)
    onnx.save(proto, target)


def _check(proto: onnx.ModelProto) -> None:
    """tf2onnx writes unknown operations into the file and calls that a success."""
    known = {"", "ai.onnx", "ai.onnx.ml"}
    if strange := sorted({node.op_type for node in proto.graph.node if node.domain not in known}):
        raise ExportRefused(f"ONNX has no operation for {', '.join(strange)}")
    try:
        onnx.checker.check_model(proto, full_check=True)
    except onnx.checker.ValidationError as error:
        raise ExportRefused(f"the converted graph is not valid ONNX: {error}") from error


def _name_batch_axis(proto: onnx.ModelProto) -> None:
    for value in (*proto.graph.input, *proto.graph.output):
        axis = value.type.tensor_type.shape.dim[0]
        if axis.HasField("dim_param"):
            axis.dim_param = "batch"


@contextlib.contextmanager
def _quiet() -> Any:
    """Keep the converters' chatter off the terminal; their errors are raised."""
    previous = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(previous)


def versions() -> dict[str, str]:
    """Everything that took part, for the manifest."""
    return {
        "keras": keras.__version__,
        "tensorflow": tf.__version__,
        "tf2onnx": tf2onnx.__version__,
        "onnx": onnx.__version__,
    }
