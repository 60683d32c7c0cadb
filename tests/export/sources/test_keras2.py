"""Keras 2 files as their authors have them: Teachable Machine's, nested, old."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from export.kinds import KERAS_2, KINDS
from export.sources.labels_beside import files_beside
from export.sources.source import Options, Prelude
from export.workshop.client import Environment, held_source
from model_store.errors import ExportRefused
from tests.export.zoo.keras_2_4 import strip_like_keras_2_4

pytestmark = pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
RNG = np.random.default_rng(9)
NOTHING = Options()


@pytest.fixture(scope="session")
def keras2(tf_keras):
    from export.sources import keras2

    return keras2


def floats(*shape, name):
    return lambda batch: {name: RNG.normal(size=(batch, *shape)).astype(np.float32)}


@pytest.fixture(scope="session")
def teachable_machine(tf_keras, tmp_path_factory):
    """Sequential(Sequential(MobileNet's blocks, pooling), Sequential(Dense, Dense)), and labels."""
    folder = tmp_path_factory.mktemp("converted_keras")
    layers = tf_keras.layers
    picture = tf_keras.Input((16, 16, 3))
    x = layers.ReLU(6.0, name="Conv1_relu")(layers.Conv2D(8, 3, strides=2)(picture))
    for _ in range(2):
        narrow = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x)
        narrow = layers.ReLU(6.0)(layers.BatchNormalization()(narrow))
        x = layers.Add()([x, layers.Conv2D(8, 1)(narrow)])
    backbone = tf_keras.Model(picture, x, name="model1")
    features = tf_keras.Sequential([backbone, layers.GlobalAveragePooling2D()])
    head = tf_keras.Sequential(
        [
            layers.Dense(10, activation="relu", input_shape=(8,)),
            layers.Dense(3, activation="softmax", use_bias=False),
        ]
    )
    model = tf_keras.Sequential([features, head])
    path = folder / "keras_model.h5"
    model.save(path)
    strip_like_keras_2_4(path)
    (folder / "labels.txt").write_text("0 cat\n1 dog\n2 owl\n")
    return path


@pytest.fixture(scope="session")
def taught(keras2, teachable_machine):
    return keras2.load(teachable_machine, NOTHING)


def test_a_teachable_machine_file_becomes_an_equal_graph(taught, assert_same):
    (given,) = taught.describe().signatures["serving_default"].inputs
    assert given.shape == (None, 16, 16, 3)
    assert_same(taught, floats(16, 16, 3, name=given.name))


def test_a_teachable_machine_file_is_described_with_the_labels_beside_it(taught):
    description = taught.describe()
    assert description.class_labels == ("cat", "dog", "owl")
    assert description.notes == ("labels.txt beside it has 3 class labels; --labels would win",)
    assert description.route == "Keras 2 Sequential (legacy HDF5), by tf_keras and a SavedModel"
    assert description.versions.keys() == {"tf_keras", "tensorflow", "tf2onnx", "onnx"}
    assert description.parameters > 400


def test_the_labels_are_read_behind_the_fence_too_but_no_link_is_followed(teachable_machine):
    with held_source(KINDS[KERAS_2], teachable_machine, NOTHING, Environment()) as source:
        assert source.describe().class_labels == ("cat", "dog", "owl")
    folder = teachable_machine.parent / "linked"
    folder.mkdir()
    (folder / "labels.txt").symlink_to(teachable_machine.parent / "labels.txt")
    assert files_beside(folder / "keras_model.h5") == ()


def test_the_layers_of_its_nested_models_are_seen_to_the_last(taught):
    (given,) = taught.describe().signatures["serving_default"].inputs
    inputs = floats(16, 16, 3, name=given.name)(2)
    seen = dict(taught.layers("serving_default", inputs))
    assert len(seen) == 18
    assert any("Conv1_relu" in name for name in seen)
    want = taught.run("serving_default", inputs)["scores"]
    assert np.allclose(next(iter(list(seen.values())[-1].values())), want, atol=1e-6)


def test_its_saved_model_takes_pixels_and_gives_the_same_scores(taught, tf, tmp_path):
    (given,) = taught.describe().signatures["serving_default"].inputs
    prelude = Prelude("image", given.name, (16, 16), (1 / 127.5,) * 3, (-1.0,) * 3)
    taught.to_saved_model(tmp_path / "saved", {"serving_default": prelude})
    served = tf.saved_model.load(str(tmp_path / "saved")).signatures["serving_default"]
    pixels = RNG.integers(0, 256, (2, 16, 16, 3), np.uint8)
    scaled = pixels.astype(np.float32) * np.float32(1 / 127.5) - np.float32(1)
    want = taught.run("serving_default", {given.name: scaled})["scores"]
    assert np.allclose(served(image=tf.constant(pixels))["scores"].numpy(), want, atol=1e-6)


@pytest.mark.parametrize(
    ("labels", "note"),
    [
        ("cat\ndog\n", "has 2 lines, and no output of the model has as many scores"),
        ("cat\n\nowl\n", "line 2 is empty"),
    ],
)
def test_labels_that_do_not_fit_are_left_alone_and_noted(tf, tmp_path, labels, note):
    from export.sources.labels_beside import labels_beside
    from model_store.spec import Signature, TensorSpec

    signature = Signature((), (TensorSpec("scores", "float32", (None, 3)),))
    assert labels_beside(tmp_path / "m.h5", signature) == ((), ())
    (tmp_path / "labels.txt").write_text(labels)
    found, notes = labels_beside(tmp_path / "m.h5", signature)
    assert found == ()
    assert note in notes[0]


@pytest.fixture
def several(tf_keras):
    """Two named inputs, two outputs under keys, a table of words inside."""
    layers = tf_keras.layers
    words = tf_keras.Input((2,), dtype="string", name="words")
    size = tf_keras.Input((3,), name="size")
    number = layers.StringLookup(vocabulary=["cat", "dog"])(words)
    joined = layers.Concatenate()([layers.Flatten()(layers.Embedding(3, 4)(number)), size])
    gelu = layers.Dense(5, activation="gelu")(joined)
    return tf_keras.Model([words, size], {"kind": layers.Softmax()(gelu), "number": number})


def test_a_keras_2_archive_with_words_and_several_inputs_becomes_an_equal_graph(
    keras2, several, assert_same, tmp_path, tf
):
    several.save(tmp_path / "model.keras")
    source = keras2.load(tmp_path / "model.keras", NOTHING)
    assert (
        source.describe().route
        == "Keras 2 Functional (.keras archive), by tf_keras and a SavedModel"
    )
    some = np.array([b"cat", b"dog", b"cow"])

    def make(batch):
        return floats(3, name="size")(batch) | {"words": RNG.choice(some, (batch, 2))}

    assert_same(source, make)
    source.to_saved_model(tmp_path / "saved", {})
    served = tf.saved_model.load(str(tmp_path / "saved")).signatures["serving_default"]
    inputs = make(3)
    got = served(**{name: tf.constant(array) for name, array in inputs.items()})
    want = source.run("serving_default", inputs)
    assert np.allclose(got["kind"].numpy(), want["kind"], atol=1e-6)


def test_a_lambda_layer_is_refused_before_keras_can_run_it(tf_keras, keras2, tmp_path):
    trace = str(tmp_path / "ran")
    layers = tf_keras.layers
    model = tf_keras.Sequential(
        [
            layers.Input((4,)),
            layers.Lambda(lambda x: (open(trace, "w").close(), x)[1], name="payload"),
        ]
    )
    (tmp_path / "ran").unlink()
    for name in ("model.h5", "model.keras"):
        model.save(tmp_path / name)
        with pytest.raises(ExportRefused, match="has a Lambda layer, payload: .*--trust"):
            keras2.load(tmp_path / name, NOTHING)
    assert not (tmp_path / "ran").exists()
    source = keras2.load(tmp_path / "model.h5", Options(is_trusted=True))
    (given,) = source.describe().signatures["serving_default"].inputs
    source.run("serving_default", floats(4, name=given.name)(2))
    assert (tmp_path / "ran").exists()


def test_a_file_that_only_the_other_keras_loads_is_loaded_by_it(keras, keras2, tmp_path):
    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(2)])
    model.save(tmp_path / "model.keras")
    description = keras2.load(tmp_path / "model.keras", NOTHING).describe()
    assert description.route == "Keras 3 Sequential (.keras archive), by way of a SavedModel"
    assert "it was loaded the other way, because: tf_keras" in description.notes[0]


def test_a_file_that_neither_loads_is_refused_with_what_the_first_said(keras2, tmp_path):
    with h5py.File(tmp_path / "model.h5", "w") as file:
        file.attrs["model_config"] = '{"class_name": "Sequential", "config": {}}'
    with pytest.raises(ExportRefused, match=r"tf_keras cannot load .*model\.h5"):
        keras2.load(tmp_path / "model.h5", NOTHING)
    with h5py.File(tmp_path / "model.h5", "a") as file:
        file.attrs["model_config"] = "{"
    with pytest.raises(ExportRefused, match="no Keras configuration that can be read"):
        keras2.load(tmp_path / "model.h5", NOTHING)


def test_weights_alone_are_refused_with_what_to_do(tf_keras, keras2, tmp_path):
    model = tf_keras.Sequential([tf_keras.layers.Dense(2, input_shape=(4,))])
    model.save_weights(tmp_path / "weights.h5")
    with pytest.raises(ExportRefused, match="holds weights only"):
        keras2.load(tmp_path / "weights.h5", NOTHING)
