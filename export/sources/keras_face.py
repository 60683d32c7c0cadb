"""What a Keras model takes and gives: from Keras' nested structures to named tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from export.sources.source import Options
from export.sources.tf_signatures import clean_names, dtype_name, to_spec, to_tf_dtype
from model_store.errors import ExportRefused
from model_store.spec import Signature, TensorSpec

# What the one output of a model is called, be it scores or not: the adapter's word.
ONLY_OUTPUT = "scores"


@dataclass(frozen=True, slots=True)
class Face:
    """What a model takes and gives.

    Attributes:
        signature: Flat and named.
        to_inputs: From tensors in the signature's order to what the model is called with.
    """

    signature: Signature
    to_inputs: Callable[[list[Any]], Any]


def face_of_graph(inputs: Any, outputs: Any, names: list[str], options: Options) -> Face:
    """The face of a Sequential or Functional model.

    Args:
        inputs: Keras' symbolic tensors, nested as the model wants them.
        outputs: Likewise.
        names: What Keras calls the outputs, if they are no dict.
        options: What the author calls them.

    Raises:
        ExportRefused: An input is sparse or ragged, or the outputs have other names in number.
    """
    flat = tf.nest.flatten(inputs)
    for tensor in flat:
        if getattr(tensor, "sparse", False) or getattr(tensor, "ragged", False):
            raise ExportRefused("an input is sparse or ragged; a wire tensor is dense: densify it")
    given = clean_names(_layer_name(tensor) for tensor in flat)
    called = _output_names(outputs, names, options)
    signature = Signature(
        tuple(_spec(name, tensor) for name, tensor in zip(given, flat, strict=True)),
        tuple(
            _spec(name, tensor)
            for name, tensor in zip(called, tf.nest.flatten(outputs), strict=True)
        ),
    )
    return Face(signature, lambda tensors: tf.nest.pack_sequence_as(inputs, tensors))


def face_of_call(model: Any, options: Options) -> Face:
    """The face of a subclassed model, which is its code: shapes are asked for, outputs traced.

    Raises:
        ExportRefused: Nobody says what it takes.
    """
    shapes = dict(options.shapes) or _remembered_shapes(model)
    if not shapes:
        raise ExportRefused(
            "the model does not say what it takes; begin the model with keras.Input(shape), "
            "or give --shape NAME=N,..."
        )
    inputs = tuple(
        TensorSpec(name, options.dtypes.get(name, "float32"), tuple(shape))
        for name, shape in zip(clean_names(shapes), shapes.values(), strict=True)
    )

    def to_inputs(tensors: list[Any]) -> Any:
        return tensors[0] if len(tensors) == 1 else dict(zip(shapes, tensors, strict=True))

    traced = tf.function(lambda *tensors: model(to_inputs(list(tensors)), training=False))
    specs = [tf.TensorSpec(spec.shape, to_tf_dtype(spec.dtype)) for spec in inputs]
    outputs = traced.get_concrete_function(*specs).structured_outputs
    flat = tf.nest.flatten(outputs)
    names = _output_names(outputs, [f"output_{at}" for at in range(len(flat))], options)
    given = tuple(to_spec(name, tensor) for name, tensor in zip(names, flat, strict=True))
    return Face(Signature(inputs, given), to_inputs)


def _remembered_shapes(model: Any) -> dict[str, tuple[int | None, ...]]:
    """Keras 3 keeps the shapes a model was built with, as ``{"inputs_shape": ...}``."""
    built = getattr(model, "_build_shapes_dict", None) or {}
    is_plain = all(
        isinstance(shape, tuple | list)
        and all(size is None or isinstance(size, int) for size in shape)
        for shape in built.values()
    )
    if not is_plain:
        return {}
    return {name.removesuffix("_shape"): (None, *shape[1:]) for name, shape in built.items()}


def _layer_name(tensor: Any) -> str:
    history = tensor._keras_history  # noqa: SLF001  # where both Keras keep it
    layer = getattr(history, "operation", None) or history.layer
    return str(layer.name)


def _spec(name: str, tensor: Any) -> TensorSpec:
    return TensorSpec(name, dtype_name(tensor.dtype), tuple(tensor.shape))


def _output_names(outputs: Any, names: list[str], options: Options) -> list[str]:
    flat = tf.nest.flatten(outputs)
    wanted = list(options.output_names)
    if wanted and len(wanted) != len(flat):
        raise ExportRefused(f"the model has {len(flat)} outputs, --output-names {len(wanted)}")
    if not wanted and isinstance(outputs, Mapping) and len(outputs) == len(flat):
        wanted = sorted(map(str, outputs))  # the order in which TensorFlow flattens a dict
    if not wanted:
        wanted = [ONLY_OUTPUT] if len(flat) == 1 else names
    if len(set(wanted)) < len(wanted):
        raise ExportRefused(
            f"the model has two outputs of one name: {', '.join(wanted)}; see --output-names"
        )
    return wanted
