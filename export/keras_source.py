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
import tensorflow as tf
from numpy.typing import NDArray

from export.scaling import Scaling
from export.sources import tf_onnx
from export.tensors import Tensors
from model_store.errors import ExportRefused


@dataclass(frozen=True, slots=True)
class KerasSource:
    """A loaded model with one image-like input."""

    model: Any
    input_shape: tuple[int | None, ...]
    output_names: tuple[str, ...]

    def predict(self, pixels: NDArray[np.uint8], scaling: Scaling) -> Tensors:
        """What the author's own code computes: scale in numpy, call the model."""
        outputs = self.model.predict(scaling.apply(pixels), batch_size=64, verbose=0)
        return self.named(outputs)

    def named(self, outputs: Any) -> dict[str, Any]:
        """What a call of the model gave, by output name; numpy arrays or symbolic tensors."""
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
        if "Lambda" in str(error):
            raise ExportRefused(
                f"{path} has a Lambda layer: that is code, and code in a model file is not run; "
                "put a layer such as Rescaling in its place and save the model again"
            ) from error
        raise ExportRefused(f"Keras cannot load {path}: {error}") from error
    if not getattr(model, "built", False) or not hasattr(model, "inputs"):
        raise ExportRefused(
            f"{path} does not say what it takes; begin the model with keras.Input(shape)"
        )
    if len(model.inputs) != 1:
        raise ExportRefused(f"{path} has {len(model.inputs)} inputs; one picture is one input")
    names = ("scores",) if len(model.outputs) == 1 else tuple(model.output_names)
    if len(set(names)) < len(names):
        raise ExportRefused(f"{path} has two outputs of one name: {', '.join(names)}")
    return KerasSource(model, tuple(model.inputs[0].shape), names)


def to_onnx(source: KerasSource, scaling: Scaling, tensor: str, target: Path) -> None:
    """Write the model to *target* with a uint8 input named *tensor* and the scaling inside.

    Raises:
        ExportRefused: The conversion failed, or left an operation that ONNX does not have.
    """
    model = source.model

    @tf.function(  # type: ignore[untyped-decorator]
        input_signature=[tf.TensorSpec((None, *source.input_shape[1:]), tf.uint8, name=tensor)]
    )
    def serve(pixels: Any) -> dict[str, Any]:
        scaled = tf.cast(pixels, tf.float32) * scaling.scale + scaling.offset
        return source.named(model(scaled, training=False))

    module = tf.Module()
    module.model, module.serve = model, serve
    # Keras does not show TensorFlow the states of augmentation layers' random generators.
    module.variables_ = [variable.value for variable in model.variables]
    with tempfile.TemporaryDirectory() as folder, _quiet():
        try:
            tf.saved_model.save(module, folder, signatures={"serving_default": serve})
        except Exception as error:  # TensorFlow has no error of its own
            raise ExportRefused(f"the model cannot be converted: {error}") from error
        tf_onnx.convert_saved_model(Path(folder), "serving_default", target)


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
    return {"keras": keras.__version__, **tf_onnx.versions()}
