"""Tiny Keras models, saved as their authors would, each made once.

Keras is imported when the first of them is asked for: most tests here do without.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.export import malicious

# As ``export.keras_source`` does, for tests that import Keras themselves.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

# What TensorFlow, Keras and tf2onnx say of each other; all else is an error.
FRAMEWORK_WARNINGS = (
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning",
)


def pytest_collection_modifyitems(items):
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            for text in FRAMEWORK_WARNINGS:
                item.add_marker(pytest.mark.filterwarnings(text))


@pytest.fixture(scope="session")
def keras():
    import keras

    keras.utils.set_random_seed(5)
    return keras


@pytest.fixture(scope="session")
def save(keras, tmp_path_factory):
    """Saves a model under a name and gives the path."""
    folder = tmp_path_factory.mktemp("sources")

    def save(model, name: str) -> Path:
        model.save(folder / name)
        return folder / name

    return save


@pytest.fixture(scope="session")
def sequential(keras):
    """``float32[N, 8, 8, 1]`` in 0..1 to three scores."""
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Input((8, 8, 1)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.5),
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ],
        name="tiny",
    )


@pytest.fixture(scope="session")
def functional(keras):
    """Two outputs out of one picture."""
    layers = keras.layers
    picture = layers.Input((8, 8, 1), name="picture")
    features = layers.Flatten()(layers.Conv2D(4, 3, activation="relu")(picture))
    kind = layers.Dense(3, activation="softmax", name="kind")(features)
    tilt = layers.Dense(1, name="tilt")(features)
    return keras.Model(picture, [kind, tilt], name="two_heads")


@pytest.fixture(scope="session")
def normalizing(keras):
    """Brings its own normalising, which other routes to ONNX lose, and takes 0..255."""
    layers = keras.layers
    normalization = layers.Normalization()
    normalization.adapt(np.random.default_rng(3).uniform(0, 255, (64, 8, 8, 1)).astype("float32"))
    return keras.Sequential(
        [
            layers.Input((8, 8, 1)),
            layers.RandomFlip(),
            normalization,
            layers.GlobalAveragePooling2D(),
            layers.Dense(3),
        ]
    )


@pytest.fixture(scope="session")
def canary(tmp_path_factory):
    """What no plant may write."""
    return tmp_path_factory.mktemp("cage") / "canary"


@pytest.fixture(scope="session")
def planted(tmp_path_factory):
    """The folder of all plants."""
    return tmp_path_factory.mktemp("planted")


@pytest.fixture(scope="session")
def plants(planted, canary, keras):
    """Every plant by its name; no framework minds what they are."""
    import tensorflow as tf
    import tf_keras
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = [
            *malicious.keras_plants(planted, keras, tf_keras, canary),
            *malicious.tensorflow_plants(planted, tf, canary),
            *malicious.torch_plants(planted, torch, canary),
            *malicious.onnx_plants(planted, onnx),
        ]
    return {plant.name: plant for plant in found}
