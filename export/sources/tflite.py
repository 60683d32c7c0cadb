"""TensorFlow Lite files: float, dynamic-range, float16 and whole-number ones.

The interpreter is the author's own path; quantised files keep their dtypes and become
QuantizeLinear and DequantizeLinear in ONNX.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf

from export.sources import tf_onnx
from export.sources.labels_beside import labels_beside
from export.sources.source import GRAPH_FILE, Description, Options, Prelude
from export.sources.tf_signatures import clean_names, dtype_name
from export.tensors import Tensors
from model_store.errors import ExportRefused
from model_store.spec import DEFAULT_SIGNATURE, Signature, TensorSpec


@dataclass(frozen=True, slots=True)
class Ends:
    """The interpreter's own words for inputs and outputs, by the signature's names."""

    inputs: Mapping[str, Mapping[str, Any]]
    outputs: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class TFLiteModel:
    """A source with one signature; see ``export.sources.source.Source``."""

    path: Path
    interpreter: Any
    ends: Ends
    description: Description

    def describe(self) -> Description:
        """What it takes, gives and was made with."""
        return self.description

    def run(self, signature: str, inputs: Tensors) -> Tensors:
        """What the interpreter gives, resized to the rows that come."""
        self._signature(signature)
        return _invoke(self.interpreter, self.ends, inputs)

    def to_onnx(self, signature: str, folder: Path) -> tuple[str, ...]:
        """Write ``folder/model.onnx``; returns notes for people."""
        ends = (*self.ends.inputs.items(), *self.ends.outputs.items())
        names = {str(details["name"]): name for name, details in ends}
        return tf_onnx.convert_tflite(
            self.path, names, self._signature(signature), folder / GRAPH_FILE
        )

    def to_saved_model(self, folder: Path, preludes: Mapping[str, Prelude]) -> tuple[str, ...]:
        """Refuse: there is no way back.

        Raises:
            ExportRefused: Always.
        """
        del folder, preludes
        raise ExportRefused(
            "a TensorFlow Lite file does not become a SavedModel; export it with --to onnx, or "
            "export the model that it was made from"
        )

    def layers(self, signature: str, inputs: Tensors) -> Iterator[tuple[str, Tensors]]:
        """Nothing: the interpreter reuses the memory of what lies between."""
        del signature, inputs
        yield from ()

    def _signature(self, name: str) -> Signature:
        try:
            return self.description.signatures[name]
        except KeyError:
            raise ExportRefused(f"the file has no signature {name}") from None


def load(path: Path, options: Options) -> TFLiteModel:
    """Load a ``.tflite`` file.

    Raises:
        ExportRefused: The interpreter cannot load it; says why.
    """
    try:
        with warnings.catch_warnings():
            # TensorFlow's own interpreter names its successor, which is the same code.
            warnings.simplefilter("ignore")
            interpreter = tf.lite.Interpreter(str(path))
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise ExportRefused(
            f"the TensorFlow Lite interpreter cannot load {path.name}: {error}"
        ) from error
    key, ends, notes = _ends(interpreter, options)
    is_free = _takes_more_rows(interpreter, ends)
    signature = Signature(
        tuple(_spec(name, details, is_free=is_free) for name, details in ends.inputs.items()),
        tuple(_spec(name, details, is_free=is_free) for name, details in ends.outputs.items()),
    )
    if not is_free:
        notes += ("the file takes as many rows as it was written for, and no more",)
    labels, more = labels_beside(path, signature)
    kinds = {str(np.dtype(details["dtype"])) for details in interpreter.get_tensor_details()}
    quantised = f", quantised ({', '.join(sorted(kinds & _SMALL))})" if kinds & _SMALL else ""
    description = Description(
        signatures={key: signature},
        parameters=0,
        versions=tf_onnx.versions(),
        route=f"TensorFlow Lite{quantised}, by its interpreter",
        class_labels=labels,
        notes=(*notes, *more),
    )
    return TFLiteModel(path, interpreter, ends, description)


_SMALL = {"float16", "int8", "uint8", "int16"}


def _ends(interpreter: Any, options: Options) -> tuple[str, Ends, tuple[str, ...]]:
    """The name of the signature that is served, its ends, and notes."""
    given, made = interpreter.get_input_details(), interpreter.get_output_details()
    keys = list(interpreter.get_signature_list())
    for key in keys:
        runner = interpreter.get_signature_runner(key)
        named = Ends(runner.get_input_details(), runner.get_output_details())
        if {each["name"] for each in named.inputs.values()} == {each["name"] for each in given}:
            left = sorted(set(keys) - {key})
            notes = (f"only the signature {key} is taken, not {', '.join(left)}",) if left else ()
            return key, _renamed(named, options), notes
    names = clean_names(_plain(str(each["name"])) for each in (*given, *made))
    ends = Ends(
        dict(zip(names[: len(given)], given, strict=True)),
        dict(zip(names[len(given) :], made, strict=True)),
    )
    return DEFAULT_SIGNATURE, _renamed(ends, options), ()


def _plain(name: str) -> str:
    return name.removeprefix("serving_default_").partition(":")[0]


def _renamed(ends: Ends, options: Options) -> Ends:
    wanted = options.output_names
    if not wanted:
        return ends
    if len(wanted) != len(ends.outputs):
        raise ExportRefused(
            f"the file has {len(ends.outputs)} outputs, --output-names {len(wanted)}"
        )
    return Ends(ends.inputs, dict(zip(wanted, ends.outputs.values(), strict=True)))


def _spec(name: str, details: Mapping[str, Any], *, is_free: bool) -> TensorSpec:
    axes = [None if axis < 0 else int(axis) for axis in details["shape_signature"]]
    if is_free and axes:
        axes[0] = None
    return TensorSpec(name, dtype_name(details["dtype"]), tuple(axes))


def _takes_more_rows(interpreter: Any, ends: Ends) -> bool:
    """Whether the file gives three rows for three, which it may do without saying so."""
    inputs = {
        name: np.zeros((3, *details["shape"][1:]), details["dtype"])
        for name, details in ends.inputs.items()
    }
    one_row = [*ends.inputs.values(), *ends.outputs.values()]
    if any(not len(details["shape"]) or details["shape"][0] != 1 for details in one_row):
        return False
    try:
        outputs = _invoke(interpreter, ends, inputs)
    except (ValueError, RuntimeError):
        return False
    return all(output.shape[:1] == (3,) for output in outputs.values())


def _invoke(interpreter: Any, ends: Ends, inputs: Tensors) -> Tensors:
    for name, details in ends.inputs.items():
        interpreter.resize_tensor_input(details["index"], inputs[name].shape)
    interpreter.allocate_tensors()
    for name, details in ends.inputs.items():
        interpreter.set_tensor(details["index"], inputs[name])
    interpreter.invoke()
    return {
        name: np.array(interpreter.get_tensor(details["index"]))
        for name, details in ends.outputs.items()
    }
