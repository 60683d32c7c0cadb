"""Keras models: loaded without running their code, converted with the scaling inside."""

from __future__ import annotations

import json
import logging
import sys
import zipfile

import numpy as np
import onnxruntime as ort
import pytest

from export.scaling import Scaling
from model_store.errors import ExportRefused

PIXELS = np.random.default_rng(1).integers(0, 256, (7, 8, 8, 1), np.uint8)
UNIT = Scaling(1 / 255)


@pytest.fixture(scope="session")
def keras_source(keras):
    from export import keras_source

    return keras_source


@pytest.fixture
def to_session(keras_source, tmp_path):
    """Converts a source and loads the graph."""

    def convert(source, scaling=UNIT, tensor="image") -> ort.InferenceSession:
        keras_source.to_onnx(source, scaling, tensor, tmp_path / "model.onnx")
        return ort.InferenceSession(str(tmp_path / "model.onnx"))

    return convert


def run(session, pixels, tensor="image"):
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {tensor: pixels}), strict=True))


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_a_sequential_model_is_one_input_and_scores(keras_source, save, sequential, suffix):
    source = keras_source.load(save(sequential, f"sequential.{suffix}"))
    assert source.input_shape == (None, 8, 8, 1)
    assert source.output_names == ("scores",)
    assert source.parameters == sequential.count_params()
    outputs = source.predict(PIXELS, UNIT)
    want = sequential(PIXELS.astype("float32") / 255, training=False).numpy()
    assert np.allclose(outputs["scores"], want, atol=1e-6)


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_the_graph_takes_uint8_by_the_given_name_and_any_batch(
    keras_source, save, sequential, to_session, suffix
):
    source = keras_source.load(save(sequential, f"graph.{suffix}"))
    session = to_session(source, Scaling(1 / 127.5, -1.0), "picture")
    (image,) = session.get_inputs()
    assert (image.name, image.type, image.shape) == ("picture", "tensor(uint8)", ["batch", 8, 8, 1])
    (scores,) = session.get_outputs()
    assert (scores.name, scores.type, scores.shape) == ("scores", "tensor(float)", ["batch", 3])
    want = source.predict(PIXELS, Scaling(1 / 127.5, -1.0))["scores"]
    for rows in (1, 2, 7):
        got = run(session, PIXELS[:rows], "picture")["scores"]
        assert np.allclose(got, want[:rows], atol=1e-5)


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_two_outputs_keep_their_names(keras_source, save, functional, to_session, suffix):
    source = keras_source.load(save(functional, f"functional.{suffix}"))
    assert source.output_names == ("kind", "tilt")
    want = source.predict(PIXELS, UNIT)
    got = run(to_session(source), PIXELS)
    assert got.keys() == want.keys() == {"kind", "tilt"}
    for name, output in want.items():
        assert np.allclose(got[name], output, atol=1e-5)


def test_outputs_in_a_dict_keep_their_keys(keras, keras_source, save, to_session):
    layers = keras.layers
    picture = layers.Input((8, 8, 1))
    flat = layers.Flatten()(picture)
    model = keras.Model(picture, {"b": layers.Dense(3)(flat), "a": layers.Dense(2)(flat)})
    source = keras_source.load(save(model, "dict.keras"))
    want = source.predict(PIXELS, UNIT)
    got = run(to_session(source), PIXELS)
    assert got.keys() == want.keys() == {"a", "b"}
    assert np.allclose(got["b"], want["b"], atol=1e-5)


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_normalising_and_augmentation_inside_the_model_survive(
    keras_source, save, normalizing, to_session, suffix
):
    source = keras_source.load(save(normalizing, f"normalizing.{suffix}"))
    want = source.predict(PIXELS, Scaling())["scores"]
    assert want.std() > 0.01
    assert np.allclose(run(to_session(source, Scaling()), PIXELS)["scores"], want, atol=1e-4)


def test_converting_prints_nothing_and_leaves_logging_as_it_was(
    keras_source, save, sequential, to_session, capsys, caplog
):
    source = keras_source.load(save(sequential, "quiet.keras"))
    to_session(source)
    assert capsys.readouterr().out == ""
    assert logging.root.manager.disable == logging.NOTSET


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_a_lambda_layer_is_refused_and_its_code_does_not_run(
    keras, keras_source, save, tmp_path, suffix
):
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
        keras_source.load(path)
    assert not trace.exists()


def test_an_archive_that_names_code_to_run_does_not_run_it(
    keras_source, save, sequential, tmp_path
):
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
        keras_source.load(evil)
    assert not (tmp_path / "ran").exists()


def test_a_layer_of_the_authors_own_is_refused_by_name(keras, keras_source, save):
    class Swirl(keras.layers.Layer):
        def call(self, inputs):
            return inputs

    model = keras.Sequential([keras.layers.Input((8, 8, 1)), Swirl()])
    with pytest.raises(ExportRefused, match="Swirl"):
        keras_source.load(save(model, "swirl.keras"))


def test_a_model_with_two_inputs_is_refused(keras, keras_source, save):
    layers = keras.layers
    pictures = [layers.Input((8, 8, 1)), layers.Input((8, 8, 1))]
    model = keras.Model(pictures, layers.Add()(pictures))
    with pytest.raises(ExportRefused, match="has 2 inputs; one picture is one input"):
        keras_source.load(save(model, "two.keras"))


def test_two_outputs_of_one_name_are_refused(keras, keras_source, save):
    layers = keras.layers
    picture, tilt = layers.Input((8, 8, 1)), layers.Dense(1, name="tilt")
    flat = layers.Flatten()(picture)
    model = keras.Model(picture, [tilt(flat), tilt(flat * 2)])
    with pytest.raises(ExportRefused, match="two outputs of one name: tilt, tilt"):
        keras_source.load(save(model, "tilts.keras"))


@pytest.mark.filterwarnings("ignore:You are saving a model that has not yet been built")
def test_a_model_that_does_not_say_its_input_is_refused_with_what_to_do(keras, keras_source, save):
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(3)])
    with pytest.raises(ExportRefused, match=r"begin the model with keras\.Input"):
        keras_source.load(save(model, "unbuilt.keras"))


def test_an_operation_that_onnx_does_not_have_is_refused_by_name(
    keras, keras_source, save, to_session
):
    layers = keras.layers
    model = keras.Sequential([layers.Input((8, 8, 1)), layers.Flatten(), layers.Hashing(7)])
    source = keras_source.load(save(model, "bucketize.keras"))
    with pytest.raises(ExportRefused, match="StringToHashBucket"):
        to_session(source)


@pytest.mark.parametrize("content", [b"", b"not a model", b"PK\x05\x06" + bytes(18)])
@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_a_file_that_keras_cannot_load_is_refused_with_its_path(
    keras_source, tmp_path, suffix, content
):
    path = tmp_path / f"broken.{suffix}"
    path.write_bytes(content)
    with pytest.raises(ExportRefused, match=f"Keras cannot load .*broken.{suffix}"):
        keras_source.load(path)


def test_everything_that_took_part_is_named_with_its_version(keras_source, keras):
    versions = keras_source.versions()
    assert versions["keras"] == keras.__version__
    assert versions.keys() == {"keras", "tensorflow", "tf2onnx", "onnx"}
    assert "torch" not in sys.modules
