"""Keras 3 models of many shapes: what ``predict`` gives, the graph gives too."""

from __future__ import annotations

import numpy as np
import pytest

from export.sources.source import Options, Prelude
from model_store.errors import ExportRefused

RNG = np.random.default_rng(7)
NOTHING = Options()


@pytest.fixture(scope="session")
def keras3(keras):
    from export.sources import keras3

    return keras3


@pytest.fixture
def load(keras3, tmp_path):
    """Saves a model and loads it as a source."""

    def load(model, name="model.keras", options=NOTHING):
        model.save(tmp_path / name)
        return keras3.load(tmp_path / name, options)

    return load


def floats(*shape, name="x"):
    return lambda batch: {name: RNG.normal(size=(batch, *shape)).astype(np.float32)}


def several_inputs_and_outputs(keras):
    layers = keras.layers
    picture = keras.Input((6, 6, 2), name="picture")
    age = keras.Input((1,), name="age")
    kind = keras.Input((3,), dtype="int32", name="kind")
    parts = [layers.Flatten()(picture), age, layers.Flatten()(layers.Embedding(5, 2)(kind))]
    joined = layers.Concatenate()(parts)
    model = keras.Model(
        {"picture": picture, "age": age, "kind": kind},
        {"risk": layers.Dense(1, activation="sigmoid")(joined), "class": layers.Dense(4)(joined)},
    )
    return model, lambda batch: {
        "picture": RNG.normal(size=(batch, 6, 6, 2)).astype(np.float32),
        "age": RNG.normal(size=(batch, 1)).astype(np.float32),
        "kind": RNG.integers(0, 5, (batch, 3)).astype(np.int32),
    }


def embedding_and_lstm_of_free_length(keras):
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Input((None,), dtype="int32", name="words"),
            layers.Embedding(20, 6),
            layers.LSTM(5),
            layers.Dense(3, activation="softmax"),
        ]
    )
    return model, lambda batch: {"words": RNG.integers(0, 20, (batch, 3 + batch)).astype(np.int32)}


def bidirectional_gru(keras):
    layers = keras.layers
    gru = layers.Bidirectional(layers.GRU(4, return_sequences=True))
    return keras.Sequential([layers.Input((5, 3), name="x"), gru]), floats(5, 3)


def attention(keras):
    layers = keras.layers
    x = keras.Input((None, 8), name="x")
    y = layers.LayerNormalization()(x + layers.MultiHeadAttention(2, 4)(x, x))
    model = keras.Model(x, layers.Dense(8, activation="gelu")(y))
    return model, lambda batch: floats(2 + batch, 8)(batch)


def free_height_and_width(keras):
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Input((None, None, 3), name="x"),
            layers.SeparableConv2D(4, 3, padding="same"),
            layers.GroupNormalization(2),
            layers.UpSampling2D(),
            layers.Conv2DTranspose(2, 3, strides=2, padding="same"),
            layers.GlobalAveragePooling2D(),
        ]
    )
    return model, lambda batch: floats(5 + batch, 9 - batch, 3)(batch)


def preprocessing_layers(keras):
    layers = keras.layers
    normalization = layers.Normalization(mean=[0.3, 0.5, 0.1], variance=[0.2, 0.4, 0.9])
    model = keras.Sequential(
        [
            layers.Input((9, 7, 3), name="x"),
            layers.RandomFlip(),
            layers.Resizing(6, 6),
            layers.Rescaling(0.5, 1.0),
            normalization,
            layers.GaussianNoise(0.5),
            layers.Conv2D(2, 3, activation="gelu"),
        ]
    )
    return model, floats(9, 7, 3)


def discretization(keras):
    layers = keras.layers
    return keras.Sequential(
        [layers.Input((4,), name="x"), layers.Discretization([-1.0, 0.0, 1.0])]
    ), floats(4)


def string_lookup(keras):
    layers = keras.layers
    words = keras.Input((2,), dtype="string", name="words")
    numbers = layers.StringLookup(vocabulary=["cat", "dog", "owl"])(words)
    model = keras.Model(words, layers.Embedding(4, 3)(numbers))
    some = np.array([b"cat", b"owl", b"cow", b"dog", b""])
    return model, lambda batch: {"words": RNG.choice(some, (batch, 2))}


def nested_models(keras):
    layers = keras.layers
    inner = keras.Sequential([layers.Input((4,)), layers.Dense(4, name="first")], name="inner")
    x = keras.Input((4,), name="x")
    model = keras.Model(x, layers.Dense(2, name="last")(inner(inner(x))))
    return model, floats(4)


MODELS = [
    several_inputs_and_outputs, embedding_and_lstm_of_free_length, bidirectional_gru, attention,
    free_height_and_width, preprocessing_layers, discretization, string_lookup, nested_models,
]  # fmt: skip


@pytest.mark.parametrize("build", MODELS, ids=lambda build: build.__name__)
def test_the_graph_computes_what_predict_does(keras, load, assert_same, build):
    model, make = build(keras)
    assert_same(load(model), make)


def test_names_dtypes_and_free_axes_are_described(keras, load):
    source = load(several_inputs_and_outputs(keras)[0])
    description = source.describe()
    signature = description.signatures["serving_default"]
    assert sorted(map(str, signature.inputs)) == [
        "age: float32[N, 1]", "kind: int32[N, 3]", "picture: float32[N, 6, 6, 2]",
    ]  # fmt: skip
    assert sorted(map(str, signature.outputs)) == ["class: float32[N, 4]", "risk: float32[N, 1]"]
    assert description.route == "Keras 3 Functional (.keras archive), by way of a SavedModel"
    assert description.parameters == source.model.count_params() > 0
    assert description.versions.keys() == {"keras", "tensorflow", "tf2onnx", "onnx"}


def test_a_subclassed_model_is_loaded_with_the_module_that_registers_its_class(
    keras, load, assert_same, tmp_path, monkeypatch
):
    (tmp_path / "authors_net.py").write_text(
        "import keras\n\n"
        "@keras.saving.register_keras_serializable('authors')\n"
        "class Net(keras.Model):\n"
        "    def __init__(self, **more):\n"
        "        super().__init__(**more)\n"
        "        self.dense = keras.layers.Dense(3, name='dense')\n"
        "    def call(self, x):\n"
        "        return self.dense(x), keras.ops.sum(x, -1)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    import authors_net

    net = authors_net.Net()
    net(np.zeros((2, 4), np.float32))
    source = load(net, options=Options(module="authors_net"))
    (given,) = source.describe().signatures["serving_default"].inputs
    assert given.shape == (None, 4)
    assert_same(source, floats(4, name=given.name))
    layers = dict(source.layers("serving_default", floats(4, name=given.name)(2)))
    assert layers["dense"]["dense:0"].shape == (2, 3)


def test_a_module_that_is_not_there_is_refused(keras, load):
    with pytest.raises(ExportRefused, match="--module none_such cannot be imported"):
        load(nested_models(keras)[0], options=Options(module="none_such:Net"))


def test_every_layer_is_seen_in_order_with_those_of_nested_models(keras, load):
    model, make = nested_models(keras)
    source, inputs = load(model), make(2)
    seen = list(source.layers("serving_default", inputs))
    names = [name for name, _ in seen]
    assert names == ["inner/first", "inner", "inner/first#2", "inner#2", "last"]
    want = source.run("serving_default", inputs)["scores"]
    assert np.allclose(seen[-1][1]["last:0"], want, atol=1e-6)
    assert source.run("serving_default", inputs)["scores"].shape == (2, 2)
    assert [name for name, _ in source.layers("serving_default", inputs)] == names


@pytest.mark.parametrize("is_first", [False, True], ids=["NHWC", "NCHW"])
def test_a_saved_model_takes_pixels_and_scales_them_itself(keras, tf, load, tmp_path, is_first):
    layers = keras.layers
    axes = (3, 4, 5) if is_first else (4, 5, 3)
    model = keras.Sequential([layers.Input(axes), layers.Flatten(), layers.Dense(2)])
    source = load(model)
    (given,) = source.describe().signatures["serving_default"].inputs
    prelude = Prelude(
        "image", given.name, (4, 5), (0.5, 1.0, 2.0), (1.0, 0.0, -1.0), is_channels_first=is_first
    )
    source.to_saved_model(tmp_path / "saved", {"serving_default": prelude})
    served = tf.saved_model.load(str(tmp_path / "saved")).signatures["serving_default"]
    spec = served.structured_input_signature[1]["image"]
    assert (spec.dtype, spec.shape.as_list()) == (tf.uint8, [None, 4, 5, 3])
    pixels = RNG.integers(0, 256, (3, 4, 5, 3), np.uint8)
    scaled = pixels.astype(np.float32) * np.float32(prelude.scale) + np.float32(prelude.offset)
    own = scaled.transpose(0, 3, 1, 2) if is_first else scaled
    want = source.run("serving_default", {given.name: own})["scores"]
    got = served(image=tf.constant(pixels))["scores"].numpy()
    assert np.allclose(got, want, rtol=1e-4, atol=1e-3)


def test_weights_alone_are_refused_with_what_to_do(keras, keras3, tmp_path):
    model = nested_models(keras)[0]
    model.save_weights(tmp_path / "only.weights.h5")
    with pytest.raises(ExportRefused, match=r"holds weights only; build the model, load them"):
        keras3.load(tmp_path / "only.weights.h5", Options())


def test_another_signature_than_the_usual_is_refused(keras, load):
    source = load(nested_models(keras)[0])
    with pytest.raises(ExportRefused, match="the one signature serving_default"):
        source.run("other", {})
