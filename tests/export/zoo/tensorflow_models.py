"""TensorFlow models without Keras: signatures, loops, words, frozen graphs, TFLite."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from export.kinds import GRAPH_DEF, SAVED_MODEL, TFLITE
from export.sources.source import Options
from tests.export.zoo.entry import Entry
from tests.export.zoo.keras_models import GREY, UNIT, sequential

_RNG = np.random.default_rng(11)
_WEIGHTS = _RNG.normal(size=(4, 3)).astype(np.float32)
_KERNEL = _RNG.normal(size=(3, 3, 3, 5)).astype(np.float32)
_ROWS = tf.TensorSpec((None, 4), tf.float32, name="x")


class Several(tf.Module):
    """Five signatures over shared weights, and a table of words."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = tf.Variable(_WEIGHTS)
        words = tf.lookup.KeyValueTensorInitializer(
            ["cat", "dog", "owl"], tf.constant([7, 8, 9], tf.int64)
        )
        self.table = tf.lookup.StaticHashTable(words, default_value=-1)
        self.calls = tf.Variable(0.0)

    @tf.function(input_signature=[_ROWS])
    def dense(self, x):  # type: ignore[no-untyped-def]
        scores = x @ self.weights
        return {"scores": scores, "best": tf.argmax(scores, -1)}

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3), tf.float32, name="p")])
    def picture(self, p):  # type: ignore[no-untyped-def]
        features = tf.nn.conv2d(p, _KERNEL, 2, "SAME")
        top = tf.math.top_k(tf.reduce_mean(features, (1, 2)), 2)
        return {"values": top.values, "indices": top.indices}

    @tf.function(input_signature=[_ROWS])
    def loop(self, x):  # type: ignore[no-untyped-def]
        for _ in tf.range(5):
            x = tf.cond(tf.reduce_sum(x) > 0, lambda x=x: x * 0.5, lambda x=x: x + 1.0)
        return {"y": x}

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, name="word")])
    def number(self, word):  # type: ignore[no-untyped-def]
        return {"number": self.table.lookup(word)}

    @tf.function(input_signature=[_ROWS])
    def count(self, x):  # type: ignore[no-untyped-def]
        return {"y": x + self.calls.assign_add(1.0)}


def with_signature(name: str) -> Callable[[Path], Path]:
    """What builds a SavedModel of one of ``Several``."""

    def build(folder: Path) -> Path:
        module = Several()
        tf.saved_model.save(
            module, str(folder / "saved"), signatures={"serving_default": getattr(module, name)}
        )
        return folder / "saved"

    return build


def several(folder: Path) -> Path:
    module = Several()
    names = ("dense", "picture", "loop", "number")
    signatures = {name: getattr(module, name) for name in names}
    tf.saved_model.save(module, str(folder / "saved"), signatures=signatures)
    return folder / "saved"


def decoding(folder: Path) -> Path:
    class Decoder(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None,), tf.int64, name="seed")])
        def serve(self, seed):  # type: ignore[no-untyped-def]
            text = tf.strings.as_string(seed)
            return {"hash": tf.strings.to_hash_bucket_strong(text, 100, [1, 2])}

    module = Decoder()
    signatures = {"serving_default": module.serve}
    tf.saved_model.save(module, str(folder / "saved"), signatures=signatures)
    return folder / "saved"


def frozen(folder: Path) -> Path:
    with tf.Graph().as_default() as graph, tf.name_scope("net"):
        picture = tf.compat.v1.placeholder(tf.float32, (None, None, None, 3), name="picture")
        features = tf.nn.relu(tf.nn.conv2d(picture, _KERNEL, 1, "SAME"))
        tf.nn.softmax(tf.reduce_mean(features, (1, 2)), name="scores")
        tf.identity(features[..., 0] > 0.5, name="mask")
    path = folder / "graph.pb"
    path.write_bytes(graph.as_graph_def().SerializeToString())
    return path


def lite(**settings: Any) -> Callable[[Path], Path]:
    """What builds a TFLite file with a converter's settings."""

    def build(folder: Path) -> Path:
        converter = tf.lite.TFLiteConverter.from_keras_model(sequential())
        for name, value in settings.items():
            setattr(converter, name, value)
        path = folder / "model.tflite"
        path.write_bytes(converter.convert())
        return path

    return build


def _calibration() -> Iterator[list[Any]]:
    rng = np.random.default_rng(12)
    for _ in range(20):
        yield [rng.uniform(0, 1, (1, 16, 16, 1)).astype(np.float32)]


_SMALLER = [tf.lite.Optimize.DEFAULT]
_HALF = {"optimizations": _SMALLER, "target_spec": tf.lite.TargetSpec(supported_types=[tf.float16])}
_WHOLE = {"optimizations": _SMALLER, "representative_dataset": _calibration}

ENTRIES = (
    Entry("one-of-several", SAVED_MODEL, "one of four signatures, integer and float outputs", several, "both", signature="dense"),
    Entry("any-picture", SAVED_MODEL, "free height and width, top-k", with_signature("picture")),
    Entry("loop", SAVED_MODEL, "a loop with a branch in it", with_signature("loop")),
    Entry("words", SAVED_MODEL, "strings in, looked up in a table", with_signature("number"), "both"),
    Entry("memory", SAVED_MODEL, "a counter that a call changes", with_signature("count"), "onnx", onnx_refusal="keeps state"),
    Entry("string-hash", SAVED_MODEL, "a hash of texts that ONNX does not have", decoding, "both", onnx_refusal="AsString|StringToHashBucketStrong"),
    Entry("frozen", GRAPH_DEF, "named tensors of a frozen graph", frozen, "both", Options(outputs=("net/scores", "net/mask"))),
    Entry("tflite-float", TFLITE, "TFLite, float32", lite(), contract=GREY, scaling=UNIT),
    Entry("tflite-dynamic", TFLITE, "8-bit weights", lite(optimizations=_SMALLER), contract=GREY, scaling=UNIT),
    Entry("tflite-float16", TFLITE, "float16 weights", lite(**_HALF), contract=GREY, scaling=UNIT),
    Entry("tflite-int8", TFLITE, "8-bit weights and activations", lite(**_WHOLE), contract=GREY, scaling=UNIT),
)  # fmt: skip
