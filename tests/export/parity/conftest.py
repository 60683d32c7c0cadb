"""Small Keras models converted for real, and what each of their layers computes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from export.graph.session import open_session, run
from export.parity.divergence import Witness


@dataclass(frozen=True, slots=True)
class Converted:
    """A model's graph and what the model computes for the graph's *feeds*."""

    graph: Path
    feeds: dict
    witness: Witness

    def without_layers(self):
        return replace(self, witness=replace(self.witness, layers=[]))


def pictures(side):
    return np.random.default_rng(0).standard_normal((2, side, side, 3)).astype("float32")


def picture_model(layers):
    return layers.Input((12, 12, 3), name="pic"), [
        layers.Conv2D(8, 3, name="conv_a", use_bias=False),
        layers.BatchNormalization(name="norm_a"),
        layers.ReLU(name="relu_a"),
        layers.DepthwiseConv2D(3, name="deep", use_bias=False),
        layers.ReLU(max_value=6.0, name="relu_b"),
        layers.MaxPooling2D(name="pool"),
        layers.Dropout(0.3, name="drop"),
        layers.Flatten(name="flat"),
        layers.Dense(16, activation="relu", name="hidden"),
        layers.Dense(5, activation="softmax", name="scores"),
    ]


def sequential(keras):
    first, rest = picture_model(keras.layers)
    return keras.Sequential([first, *rest], name="cnn"), pictures(12)


def branching(keras):
    layers = keras.layers
    picture = layers.Input((10, 10, 3), name="pic")
    stem = layers.Conv2D(6, 3, padding="same", name="stem")(picture)
    left = layers.Conv2D(6, 3, padding="same", activation="relu", name="left")(stem)
    right = layers.Conv2D(6, 1, use_bias=False, name="right")(stem)
    right = layers.BatchNormalization(name="right_norm")(right)
    pooled = layers.GlobalAveragePooling2D(name="gap")(layers.Add(name="add")([left, right]))
    outputs = {
        "one": layers.Dense(3, name="one")(pooled),
        "two": layers.Dense(2, activation="softmax", name="two")(pooled),
    }
    return keras.Model(picture, outputs, name="branches"), pictures(10)


def reading(keras):
    layers = keras.layers
    ids = layers.Input((None,), dtype="int32", name="ids")
    read = layers.LSTM(10, return_sequences=True, name="lstm")(
        layers.Embedding(8, 12, name="embed")(ids)
    )
    attended = layers.MultiHeadAttention(2, 5, name="attend")(read, read)
    summed = layers.LayerNormalization(name="norm")(layers.Add(name="sum")([read, attended]))
    out = layers.Dense(4, name="out")(layers.GlobalAveragePooling1D(name="mean")(summed))
    drawn = np.random.default_rng(0).integers(0, 8, (2, 6)).astype("int32")
    return keras.Model(ids, out, name="text"), drawn


def converted(keras, folder, build):
    from export.sources.tf_onnx import convert_saved_model

    keras.utils.set_random_seed(3)
    model, inputs = build(keras)
    rng = np.random.default_rng(1)
    for weight in model.weights:
        if not weight.path.endswith(("kernel", "embeddings")):
            weight.assign(rng.uniform(0.5, 1.5, weight.shape))
    model.export(folder / "saved_model", verbose=False)
    graph = folder / "model.onnx"
    convert_saved_model(folder / "saved_model", "serving_default", graph)
    watched = keras.Model(model.inputs[0], [layer.output for layer in model.layers])
    watched_outputs = map(np.asarray, watched(inputs))
    session = open_session(graph)
    feeds = {session.get_inputs()[0].name: inputs}
    # That the untouched graph is the model is what the tests of conversion show.
    witness = Witness(
        feeds,
        run(session, feeds),
        [(layer.name, {"out": out}) for layer, out in zip(model.layers, watched_outputs, strict=True)],
    )  # fmt: skip
    return Converted(graph, feeds, witness)


@pytest.fixture(scope="session")
def models(keras, tmp_path_factory):
    """Converted models by what they are: ``cnn``, ``branches``, ``text``."""
    builders = {"cnn": sequential, "branches": branching, "text": reading}
    return {
        name: converted(keras, tmp_path_factory.mktemp(name), build)
        for name, build in builders.items()
    }


@pytest.fixture
def altered(models, tmp_path):
    """The model, with a graph that *change* has altered; it is given the onnx.ModelProto."""

    def alter(name, change):
        proto = onnx.load(models[name].graph)
        change(proto)
        onnx.save(proto, tmp_path / "altered.onnx")
        return replace(models[name], graph=tmp_path / "altered.onnx")

    return alter
