"""Keras 3 models: loaded without running their code, called as their authors call them."""

from __future__ import annotations

import json
import logging
import zipfile

import numpy as np
import pytest

from export.sources.source import Options, Prelude
from model_store.errors import ExportRefused
from model_store.spec import TensorSpec

PICTURES = np.random.default_rng(1).uniform(0, 1, (7, 8, 8, 1)).astype(np.float32)
DEFAULT = "serving_default"


@pytest.fixture(scope="session")
def load():
    from export.sources import keras3

    def load(path, **options):
        return keras3.load(path, Options(**options))

    return load


@pytest.fixture
def assert_equal(run_onnx, tmp_path):
    """Converts a source and holds the graph against it at several batch sizes."""

    def check(source, inputs, atol=1e-5):
        source.to_onnx(DEFAULT, tmp_path)
        for rows in (1, 2, 7):
            some = {name: tensor[:rows] for name, tensor in inputs.items()}
            want = source.run(DEFAULT, some)
            got = run_onnx(tmp_path / "model.onnx", some)
            assert got.keys() == want.keys()
            for name, output in want.items():
                assert got[name].dtype == output.dtype
                np.testing.assert_allclose(got[name], output, atol=atol)

    return check


def only_input(source) -> str:
    (spec,) = source.describe().signatures[DEFAULT].inputs
    return spec.name


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_a_sequential_model_is_one_input_and_scores(load, save, sequential, suffix, assert_equal):
    source = load(save(sequential, f"sequential.{suffix}"))
    description = source.describe()
    signature = description.signatures[DEFAULT]
    assert signature.inputs[0].shape == (None, 8, 8, 1)
    assert signature.outputs == (TensorSpec("scores", "float32", (None, 3)),)
    assert description.parameters == sequential.count_params()
    inputs = {only_input(source): PICTURES}
    want = sequential(PICTURES, training=False).numpy()
    np.testing.assert_allclose(source.run(DEFAULT, inputs)["scores"], want, atol=1e-6)
    assert_equal(source, inputs)


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_two_outputs_keep_their_names(load, save, functional, suffix, assert_equal):
    source = load(save(functional, f"functional.{suffix}"))
    outputs = source.describe().signatures[DEFAULT].outputs
    assert [spec.name for spec in outputs] == ["kind", "tilt"]
    assert_equal(source, {"picture": PICTURES})


def test_outputs_can_be_given_names(load, save, functional):
    path = save(functional, "renamed.keras")
    outputs = load(path, output_names=("a", "b")).describe().signatures[DEFAULT].outputs
    assert [spec.name for spec in outputs] == ["a", "b"]
    with pytest.raises(ExportRefused, match="has 2 outputs, --output-names 1"):
        load(path, output_names=("a",))


def test_tensors_in_dicts_keep_their_keys(keras, load, save, assert_equal):
    layers = keras.layers
    first, second = layers.Input((4,), name="first"), layers.Input((3,), name="second")
    scores = {"b": layers.Dense(3)(first), "a": layers.Dense(2)(second)}
    model = keras.Model({"first": first, "second": second}, scores)
    source = load(save(model, "dict.keras"))
    rng = np.random.default_rng(2)
    inputs = {
        "first": rng.normal(size=(7, 4)).astype("float32"),
        "second": rng.normal(size=(7, 3)).astype("float32"),
    }
    want = model(inputs)
    np.testing.assert_allclose(source.run(DEFAULT, inputs)["b"], want["b"], atol=1e-6)
    assert source.run(DEFAULT, inputs).keys() == {"a", "b"}
    assert_equal(source, inputs)


def test_words_of_any_length_go_through_an_lstm(keras, load, save, assert_equal):
    layers = keras.layers
    model = keras.Sequential(
        [layers.Input((None,), dtype="int32"), layers.Embedding(9, 4), layers.LSTM(5)]
    )
    source = load(save(model, "lstm.keras"))
    assert source.describe().signatures[DEFAULT].inputs[0].shape == (None, None)
    for length in (3, 11):
        words = np.random.default_rng(4).integers(0, 9, (7, length), np.int32)
        assert_equal(source, {only_input(source): words})


def test_attention_and_exact_gelu_are_kept(keras, load, save, assert_equal):
    layers = keras.layers
    words = layers.Input((6, 8), name="words")
    attended = layers.LayerNormalization()(layers.MultiHeadAttention(2, 4)(words, words))
    model = keras.Model(words, layers.Dense(3, activation="gelu")(attended))
    tensor = np.random.default_rng(5).normal(size=(7, 6, 8)).astype("float32")
    assert_equal(load(save(model, "attention.keras")), {"words": tensor})


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_normalising_and_augmentation_inside_the_model_survive(
    load, save, normalizing, suffix, assert_equal
):
    source = load(save(normalizing, f"normalizing.{suffix}"))
    inputs = {only_input(source): PICTURES * 255}
    assert source.run(DEFAULT, inputs)["scores"].std() > 0.01
    assert_equal(source, inputs, atol=1e-4)


def test_a_saved_model_takes_the_wire_tensor(load, save, sequential, tf, tmp_path):
    source = load(save(sequential, "wire.keras"))
    name = only_input(source)
    prelude = Prelude("image", name, (8, 8), (1 / 127.5,), (-1.0,))
    assert source.to_saved_model(tmp_path / "saved", {DEFAULT: prelude}) == ()
    serve = tf.saved_model.load(str(tmp_path / "saved")).signatures[DEFAULT]
    pixels = np.random.default_rng(6).integers(0, 256, (3, 8, 8, 1), np.uint8)
    want = source.run(DEFAULT, {name: pixels / np.float32(127.5) - 1})
    np.testing.assert_allclose(
        serve(image=tf.constant(pixels))["scores"], want["scores"], atol=1e-5
    )


def test_layers_are_told_in_order_and_models_inside_are_looked_into(keras, load, save):
    layers = keras.layers
    inner = keras.Sequential([layers.Input((8,)), layers.Dense(4, name="deep")], name="inner")
    picture = layers.Input((8,), name="picture")
    model = keras.Model(picture, layers.Dense(2, name="last")(inner(picture)))
    source = load(save(model, "nested.keras"))
    rows = np.random.default_rng(7).normal(size=(3, 8)).astype("float32")
    told = dict(source.layers(DEFAULT, {"picture": rows}))
    assert list(told) == ["inner/deep", "inner", "last"]
    (deep,), (last,) = told["inner/deep"].values(), told["last"].values()
    np.testing.assert_allclose(deep, inner(rows), atol=1e-6)
    np.testing.assert_allclose(last, model(rows), atol=1e-6)


def test_converting_prints_nothing_and_leaves_logging_as_it_was(
    load, save, sequential, tmp_path, capsys
):
    load(save(sequential, "quiet.keras")).to_onnx(DEFAULT, tmp_path)
    assert capsys.readouterr().out == ""
    assert logging.root.manager.disable == logging.NOTSET


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_a_lambda_layer_is_refused_and_its_code_does_not_run(keras, load, save, tmp_path, suffix):
    trace = tmp_path / "ran"
    name = str(trace)  # text is all that Keras packs up with the code
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Input((8, 8, 1)),
            layers.Lambda(lambda tensor: (open(name, "w").close(), tensor)[1]),
        ]
    )
    path = save(model, f"lambda.{suffix}")
    trace.unlink()
    with pytest.raises(ExportRefused, match=r"has a Lambda layer: that is code, .* is not run"):
        load(path)
    assert not trace.exists()


def test_an_archive_that_names_code_to_run_does_not_run_it(load, save, sequential, tmp_path):
    path = save(sequential, "honest.keras")
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    layer = config["config"]["layers"][1]
    layer.update(module="os", class_name="mkdir", registered_name=None)
    layer["config"] = {"path": str(tmp_path / "ran")}
    members["config.json"] = json.dumps(config).encode()
    evil = tmp_path / "evil.keras"
    with zipfile.ZipFile(evil, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(ExportRefused, match="Keras cannot load"):
        load(evil)
    assert not (tmp_path / "ran").exists()


def test_a_layer_of_the_authors_own_is_refused_by_name(keras, load, save):
    class Swirl(keras.layers.Layer):
        def call(self, inputs):
            return inputs

    model = keras.Sequential([keras.layers.Input((8, 8, 1)), Swirl()])
    with pytest.raises(ExportRefused, match="Swirl"):
        load(save(model, "swirl.keras"))


def test_two_outputs_of_one_name_are_refused(keras, load, save):
    layers = keras.layers
    picture, tilt = layers.Input((8, 8, 1)), layers.Dense(1, name="tilt")
    flat = layers.Flatten()(picture)
    model = keras.Model(picture, [tilt(flat), tilt(flat * 2)])
    with pytest.raises(ExportRefused, match="two outputs of one name: tilt, tilt"):
        load(save(model, "tilts.keras"))


@pytest.mark.filterwarnings("ignore:You are saving a model that has not yet been built")
def test_a_model_that_does_not_say_its_input_is_refused_with_what_to_do(keras, load, save):
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(3)])
    with pytest.raises(ExportRefused, match=r"begin the model with keras\.Input"):
        load(save(model, "unbuilt.keras"))


def test_an_operation_that_onnx_does_not_have_is_refused_by_name(keras, load, save, tmp_path):
    layers = keras.layers
    model = keras.Sequential([layers.Input((8, 8, 1)), layers.Flatten(), layers.Hashing(7)])
    source = load(save(model, "bucketize.keras"))
    with pytest.raises(ExportRefused, match="StringToHashBucket.*--to saved_model"):
        source.to_onnx(DEFAULT, tmp_path)


@pytest.mark.parametrize("content", [b"", b"not a model", b"PK\x05\x06" + bytes(18)])
@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_a_file_that_keras_cannot_load_is_refused_with_its_path(load, tmp_path, suffix, content):
    path = tmp_path / f"broken.{suffix}"
    path.write_bytes(content)
    with pytest.raises(ExportRefused, match=f"Keras cannot load .*broken.{suffix}"):
        load(path)


def test_everything_that_took_part_is_named_with_its_version(load, save, sequential, keras):
    versions = load(save(sequential, "versions.keras")).describe().versions
    assert versions["keras"] == keras.__version__
    assert versions.keys() == {"keras", "tensorflow", "tf2onnx", "onnx"}
