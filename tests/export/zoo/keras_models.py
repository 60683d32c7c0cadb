"""Keras models, each what some converter gets wrong."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from export.kinds import KERAS_2, KERAS_2_SAVED_MODEL, KERAS_3
from export.scaling import Scaling
from model_store.contract import ImageContract
from tests.export.zoo.entry import Entry

os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import numpy as np
import tf_keras
from keras import layers

from tests.export.zoo.keras_2_4 import strip_like_keras_2_4

GREY = ImageContract("image", (16, 16), "L", (255,))
COLOUR = ImageContract("image", (32, 32))
UNIT, SIGNED = Scaling((1 / 255,)), Scaling((1 / 127.5,), (-1.0,))


def saved(make: Callable[[], Any], file: str) -> Callable[[Path], Path]:
    """What builds the model and saves it under *file*."""

    def build(folder: Path) -> Path:
        keras.utils.set_random_seed(5)
        make().save(folder / file)
        return folder / file

    return build


def sequential() -> Any:
    return keras.Sequential(
        [
            layers.Input((16, 16, 1)), layers.Conv2D(4, 3, activation="relu"),
            layers.BatchNormalization(), layers.MaxPooling2D(), layers.Dropout(0.5),
            layers.Flatten(), layers.Dense(3, activation="softmax"),
        ]
    )  # fmt: skip


def two_heads() -> Any:
    picture = layers.Input((16, 16, 1), name="picture")
    flat = layers.Flatten()(layers.Conv2D(4, 3, activation="relu")(picture))
    kind = layers.Dense(3, activation="softmax", name="kind")(flat)
    return keras.Model(picture, [kind, layers.Dense(1, name="tilt")(flat)])


def dicts() -> Any:
    first, second = layers.Input((4,), name="first"), layers.Input((None, 3), name="second")
    pooled = layers.GlobalAveragePooling1D()(second)
    scores = {"b": layers.Dense(3)(first), "a": layers.Dense(2)(pooled)}
    return keras.Model({"first": first, "second": second}, scores)


def normalizing() -> Any:
    normalization = layers.Normalization()
    normalization.adapt(np.random.default_rng(3).uniform(0, 255, (64, 16, 16, 1)))
    return keras.Sequential(
        [
            layers.Input((16, 16, 1)), layers.Resizing(8, 8), layers.RandomFlip(), normalization,
            layers.GlobalAveragePooling2D(), layers.Dense(3),
        ]
    )  # fmt: skip


def lstm() -> Any:
    return keras.Sequential(
        [layers.Input((None,), dtype="int32"), layers.Embedding(9, 4), layers.LSTM(5)]
    )


def gru() -> Any:
    both = layers.Bidirectional(layers.GRU(4, return_sequences=True))
    return keras.Sequential([layers.Input((6, 3)), both, layers.Dense(2)])


def attention() -> Any:
    words = layers.Input((6, 8), name="words")
    attended = layers.LayerNormalization()(layers.MultiHeadAttention(2, 4)(words, words))
    return keras.Model(words, layers.Dense(3, activation="gelu")(attended))


def upsampling() -> Any:
    return keras.Sequential(
        [
            layers.Input((None, None, 4)), layers.SeparableConv2D(4, 3, padding="same"),
            layers.GroupNormalization(2), layers.UpSampling2D(2),
            layers.Conv2DTranspose(2, 3, strides=2, padding="same"),
        ]
    )  # fmt: skip


def mobilenet() -> Any:
    model = keras.applications.MobileNetV2(
        input_shape=(32, 32, 3), alpha=0.35, weights=None, classes=5, classifier_activation=None
    )
    return with_statistics(model)


def with_statistics(model: Any) -> Any:
    """*model* with statistics that are not those of a fresh one, whose scores are all alike."""
    rng = np.random.default_rng(8)
    for weight in model.weights:
        if "moving_" in weight.name or "gamma" in weight.name:
            weight.assign(rng.uniform(0.5, 2.0, weight.shape))
    return model


def hashing() -> Any:
    return keras.Sequential([layers.Input((3,), dtype="int32"), layers.Hashing(7)])


def teachable_machine(folder: Path) -> Path:
    tf_keras.utils.set_random_seed(5)
    old = tf_keras.layers
    backbone = tf_keras.applications.MobileNetV2(
        input_shape=(32, 32, 3), alpha=0.35, weights=None, include_top=False
    )
    with_statistics(backbone)
    features = tf_keras.Sequential([backbone, old.GlobalAveragePooling2D()])
    head = tf_keras.Sequential(
        [
            old.Dense(10, activation="relu", input_shape=(1280,)),
            old.Dense(3, activation="softmax", use_bias=False),
        ]
    )
    path = folder / "keras_model.h5"
    tf_keras.Sequential([features, head]).save(path)
    strip_like_keras_2_4(path)
    (folder / "labels.txt").write_text("0 cat\n1 dog\n2 owl\n")
    return path


def keras_2() -> Any:
    tf_keras.utils.set_random_seed(5)
    old = tf_keras.layers
    picture = tf_keras.Input((16, 16, 1))
    flat = old.Flatten()(old.Conv2D(4, 3, activation="relu")(picture))
    return tf_keras.Model(picture, old.Dense(3, activation="softmax")(flat))


def keras_2_folder(folder: Path) -> Path:
    keras_2().save(folder / "saved", save_format="tf")
    return folder / "saved"


ENTRIES = (
    Entry("sequential-cnn", KERAS_3, "Sequential, batch norm and dropout", saved(sequential, "m.keras"), "both", contract=GREY, scaling=UNIT),
    Entry("sequential-h5", KERAS_3, "the same in the legacy container", saved(sequential, "m.h5"), contract=GREY, scaling=UNIT),
    Entry("two-heads", KERAS_3, "two outputs", saved(two_heads, "m.keras"), contract=GREY, scaling=UNIT),
    Entry("dicts", KERAS_3, "two inputs and two outputs in dicts, one axis free", saved(dicts, "m.keras"), "both"),
    Entry("normalization", KERAS_3, "Resizing, augmentation and adapted Normalization inside", saved(normalizing, "m.keras"), contract=GREY),
    Entry("lstm", KERAS_3, "Embedding and LSTM over any length", saved(lstm, "m.keras")),
    Entry("bidirectional-gru", KERAS_3, "GRU in both directions", saved(gru, "m.keras")),
    Entry("attention-gelu", KERAS_3, "multi-head attention, layer norm, exact GELU", saved(attention, "m.keras")),
    Entry("upsampling", KERAS_3, "free height and width, transposed and separable convolutions", saved(upsampling, "m.keras")),
    Entry("mobilenet-v2", KERAS_3, "MobileNetV2 0.35", saved(mobilenet, "m.keras"), contract=COLOUR, scaling=SIGNED),
    Entry("hashing", KERAS_3, "a hash that ONNX does not have", saved(hashing, "m.keras"), "both", onnx_refusal="StringToHashBucket"),
    Entry("teachable-machine", KERAS_2, "nested Sequential of MobileNetV2, labels.txt beside it", teachable_machine, "both"),
    Entry("keras-2-archive", KERAS_2, "functional CNN as .keras of Keras 2", saved(keras_2, "m.keras"), contract=GREY, scaling=UNIT),
    Entry("keras-2-folder", KERAS_2_SAVED_MODEL, "the same as a SavedModel folder", keras_2_folder, contract=GREY, scaling=UNIT),
)  # fmt: skip
