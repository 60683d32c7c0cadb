"""Real SavedModels, made by TensorFlow in a process of its own.

``python -m tests.serving.engine.saved_models FOLDER`` writes one folder for each; the
tests' process stays without TensorFlow, as the server does.
"""

from __future__ import annotations

import sys
from pathlib import Path

import tensorflow as tf

WORDS = ("cat", "dog", "fish")
ELEMENTS = (
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
    "float16", "float32", "float64", "string",
)  # fmt: skip


class Many(tf.Module):
    """One model with signatures of every kind, and no default one."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = tf.Variable([[1.0, 2.0], [3.0, 4.0]])
        table = tf.lookup.KeyValueTensorInitializer(WORDS, tf.range(len(WORDS), dtype=tf.int64))
        self.ids = tf.lookup.StaticHashTable(table, -1)

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, "x")])
    def dense(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        """Float rows."""
        return {"y": x @ self.weights, "total": tf.reduce_sum(x, 1)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "words")])
    def look_up(self, words: tf.Tensor) -> dict[str, tf.Tensor]:
        """Strings in, numbers and strings out."""
        return {"ids": self.ids.lookup(words), "upper": tf.strings.upper(words)}

    @tf.function(
        input_signature=[tf.TensorSpec([], tf.int64, "n"), tf.TensorSpec([], tf.string, "name")]
    )
    def count(self, n: tf.Tensor, name: tf.Tensor) -> dict[str, tf.Tensor]:
        """A loop as long as the caller wants, over scalars."""
        i = tf.constant(0, tf.int64)
        while i < n:
            i += 1
        return {"i": i, "hello": tf.strings.join(["hello ", name])}

    @tf.function(input_signature=[tf.TensorSpec([3], tf.float32, "v")])
    def norm(self, v: tf.Tensor) -> dict[str, tf.Tensor]:
        """No batch axis."""
        return {"norm": tf.norm(v)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "inputs")])
    def classify(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """Serialised tf.Example, with the feature ``x``."""
        rows = tf.io.parse_example(inputs, {"x": tf.io.FixedLenFeature([2], tf.float32)})["x"]
        classes = tf.tile(tf.constant([["left", "right"]]), [tf.shape(rows)[0], 1])
        return {"classes": classes, "scores": tf.nn.softmax(rows)}

    @tf.function(input_signature=[tf.TensorSpec([], tf.string, "path")])
    def read(self, path: tf.Tensor) -> dict[str, tf.Tensor]:
        """Whatever file the caller names."""
        return {"content": tf.io.read_file(path)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.complex64, "z")])
    def complex(self, z: tf.Tensor) -> dict[str, tf.Tensor]:
        """A dtype that neither protocol can send."""
        return {"z": z}


class Echo(tf.Module):
    """For each dtype, a signature that answers with its input of any shape."""

    def signatures(self) -> dict[str, tf.types.experimental.GenericFunction]:
        """One function for each dtype."""
        return {dtype: self._of(dtype) for dtype in ELEMENTS}

    def _of(self, dtype: str) -> tf.types.experimental.GenericFunction:
        @tf.function(input_signature=[tf.TensorSpec(None, dtype, "x")])
        def echo(x: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"y": tf.identity(x)}

        return echo


def _write_many(folder: Path) -> None:
    many = Many()
    names = ("dense", "look_up", "count", "norm", "classify", "read", "complex")
    tf.saved_model.save(many, str(folder), {name: getattr(many, name) for name in names})
    path = folder / "saved_model.pb"
    from tensorflow.core.protobuf import saved_model_pb2

    message = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    definition = message.meta_graphs[0].signature_def["classify"]
    definition.method_name = "tensorflow/serving/classify"
    path.write_bytes(message.SerializeToString())


def _write_python(folder: Path) -> None:
    module = tf.Module()

    @tf.function(input_signature=[tf.TensorSpec([], tf.float32, "x")])
    def call(x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": tf.py_function(lambda value: value, [x], tf.float32)}

    module.call = call
    tf.saved_model.save(module, str(folder), {"serving_default": call})


def main(root: Path) -> None:
    """Write every model below *root*."""
    _write_many(root / "many")
    echo = Echo()
    tf.saved_model.save(echo, str(root / "echo"), echo.signatures())
    _write_python(root / "python")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
