from __future__ import annotations

import io
import random
import shutil
import warnings
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from export import kinds
from export.inspect.inspection import INSPECTORS, check, encode, inspect
from model_store.errors import ExportRefused
from tests.export import malicious

HARMLESS = {
    "good.pt2": kinds.TORCH_EXPORT,
    "state.pt": kinds.TORCH_STATE_DICT,
    "old_state.pt": kinds.TORCH_STATE_DICT,
    "scripted.pt": kinds.TORCHSCRIPT,
    "saved": kinds.SAVED_MODEL,
    "keras2_saved": kinds.KERAS_2_SAVED_MODEL,
    "keras2.h5": kinds.KERAS_2,
    "keras3.keras": kinds.KERAS_3,
    "graph.pb": kinds.GRAPH_DEF,
    "lite.tflite": kinds.TFLITE,
    "onnx/model.onnx": kinds.ONNX,
}


@pytest.fixture(scope="session")
def harmless(tmp_path_factory, plants, planted, keras):
    """One ordinary model of every kind."""
    import onnx
    import tensorflow as tf
    import tf_keras
    import torch

    folder = tmp_path_factory.mktemp("harmless")
    module = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2)).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        shutil.copy(planted / "good.pt2", folder)
        torch.save(module.state_dict(), folder / "state.pt")
        torch.save(
            module.state_dict(), folder / "old_state.pt", _use_new_zipfile_serialization=False
        )
        torch.jit.script(module).save(folder / "scripted.pt")
        old = tf_keras.Sequential([tf_keras.layers.Input((4,)), tf_keras.layers.Dense(2)])
        old.compile("adam", "mse")
        old.save(folder / "keras2.h5")
        old.save(folder / "keras2_saved", save_format="tf")
        model = _every_layer(keras)
        model.save(folder / "keras3.keras")
        vocabulary = folder / "vocabulary.txt"
        vocabulary.write_text("a\nb\n")
        words = _looking_up(tf, vocabulary)
        tf.saved_model.save(words, folder / "saved", signatures=words.call)
        concrete = tf.function(lambda x: x * 2).get_concrete_function(tf.TensorSpec([None, 2]))
        (folder / "graph.pb").write_bytes(concrete.graph.as_graph_def().SerializeToString())
        converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete])
        (folder / "lite.tflite").write_bytes(converter.convert())
    (folder / "onnx").mkdir()
    (folder / "onnx" / "own.bin").write_bytes(bytes(16))
    onnx.save(malicious._model(onnx, "own.bin", "own"), folder / "onnx" / "model.onnx")
    return folder


def _every_layer(keras):
    layers = keras.layers
    picture = layers.Input((16, 16, 1), name="picture")
    x = layers.Rescaling(1 / 255)(picture)
    x = layers.Conv2D(4, 3, kernel_regularizer="l2", activation="gelu")(x)
    x = keras.ops.relu(layers.GroupNormalization(2)(x)) + 1
    x = layers.Reshape((-1, 4))(x)
    x = layers.MultiHeadAttention(2, 2)(x, x)
    x = layers.Bidirectional(layers.LSTM(3))(x)
    return keras.Model(picture, layers.Dense(2, kernel_initializer="he_normal")(x))


def _looking_up(tf, vocabulary):
    class Words(tf.Module):
        def __init__(self):
            whole, line = tf.lookup.TextFileIndex.WHOLE_LINE, tf.lookup.TextFileIndex.LINE_NUMBER
            initializer = tf.lookup.TextFileInitializer(
                str(vocabulary), tf.string, whole, tf.int64, line
            )
            self.table = tf.lookup.StaticHashTable(initializer, -1)
            self.weight = tf.Variable([1, 2], dtype=tf.int64)

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
        def call(self, words):
            return {"y": self.table.lookup(words) + self.weight[0]}

    return Words()


@pytest.fixture
def source(harmless):
    return lambda name: harmless / name


def test_every_kind_of_source_has_an_inspector():
    assert INSPECTORS.keys() == kinds.KINDS.keys() == set(HARMLESS.values())


@pytest.mark.parametrize("name", HARMLESS)
def test_an_ordinary_model_is_not_suspected(harmless: Path, name):
    assert [str(found) for found in inspect(harmless / name, HARMLESS[name])] == []


def test_every_plant_is_refused_by_the_name_of_the_part_that_means_harm(plants, planted, canary):
    assert {plant.kind for plant in plants.values()} == kinds.KINDS.keys()
    for plant in plants.values():
        found = inspect(planted / plant.name, plant.kind)
        assert any(
            each.is_refused and each.what == plant.what and plant.where in str(each)
            for each in found
        ), (plant, found)
    assert not canary.exists()


def tf_keras_load(path):
    import tf_keras

    tf_keras.models.load_model(path)


def tensorflow_load(path):
    import tensorflow as tf

    tf.saved_model.load(path)


def torch_export_load(path):
    import torch

    torch.export.load(path)


def torch_load(path):
    import torch

    torch.load(path, weights_only=False)


def torchscript_run(path):
    import torch

    torch.jit.load(path)(torch.zeros(1, 2))


@pytest.mark.parametrize(
    ("name", "load"),
    [
        ("lambda.h5", tf_keras_load),
        ("initializer", tensorflow_load),
        ("inputs.pt2", torch_export_load),
        ("sizes.pt2", torch_export_load),
        ("state.pth", torch_load),
        ("legacy.pth", torch_load),
        ("script.pt", torchscript_run),
    ],
)
def test_the_plants_do_harm_to_who_loads_them_carelessly(plants, planted, canary, name, load):
    """Or else that they are refused would prove nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Some fail, after the harm is done.
        with suppress(RuntimeError, TypeError, ValueError, AttributeError, AssertionError):
            load(planted / name)
    try:
        assert canary.exists()
    finally:
        canary.unlink(missing_ok=True)


def test_check_refuses_with_the_layer_and_what_to_do(plants, planted):
    with pytest.raises(ExportRefused) as refused:
        check(planted / "lambda.h5", kinds.KERAS_2)
    text = str(refused.value)
    assert "lambda.h5 wants to run code: layer 'evil' (Lambda): runs a Python function" in text
    assert "--trust" in text


def test_check_lets_code_run_where_it_is_trusted_and_says_what_it_let(plants, planted):
    found = check(planted / "lambda.h5", kinds.KERAS_2, is_trusted=True)
    assert [each.what for each in found] == ["runs code"]


def test_trust_in_the_author_opens_no_files(plants, planted):
    with pytest.raises(ExportRefused, match=r"reaches for files outside: tensor 'w'"):
        check(planted / "onnx_parent" / "model.onnx", kinds.ONNX, is_trusted=True)


def test_many_reasons_are_told_in_few_lines(tmp_path: Path):
    layers = [{"class_name": "Lambda", "config": {"name": f"l{n}"}} for n in range(9)]
    malicious.keras_archive(tmp_path / "many.keras", malicious.sequential_config(*layers))
    with pytest.raises(ExportRefused) as refused:
        check(tmp_path / "many.keras", kinds.KERAS_3)
    assert str(refused.value).count("\n") == 5
    assert str(refused.value).endswith("and 4 more")


def test_what_was_found_crosses_as_json(plants, planted):
    assert '"what": "runs code"' in encode(inspect(planted / "lambda.h5", kinds.KERAS_2))


@pytest.mark.parametrize("kind", kinds.KINDS)
@pytest.mark.parametrize(
    "content", [b"", b"\0" * 9, b"PK\x03\x04", b"\x80\x02", b"\x89HDF\r\n\x1a\n"]
)
def test_a_file_that_is_nothing_is_refused_as_damaged(tmp_path: Path, kind, content):
    path = tmp_path / "file"
    path.write_bytes(content)
    assert any(each.is_refused for each in inspect(path, kind))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path):
    for kind in kinds.KINDS:
        assert [each.what for each in inspect(tmp_path / "absent", kind)] == ["damaged"]


def mutate(content: bytes, seed: int) -> bytes:
    """Cut it, or change, double or drop some bytes."""
    dice = random.Random(seed)
    changed = bytearray(content)
    for _ in range(dice.randint(1, 8)):
        place = dice.randrange(len(changed) + 1)
        how = dice.randrange(4)
        if how == 0:
            changed = changed[: max(place, 1)]
        elif how == 1:
            changed[place : place + 1] = bytes([dice.randrange(256)])
        elif how == 2:
            changed[place:place] = changed[place : place + dice.randint(1, 64)]
        else:
            del changed[place : place + dice.randint(1, 16)]
    return bytes(changed)


# HDF5 is left to ``check``: its reader is written in C, and may fall over.
@pytest.mark.parametrize(
    "name", [name for name in HARMLESS if not name.startswith("keras")], ids=str
)
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(seed=st.integers(0, 1 << 32))
def test_a_mutated_file_is_judged_and_never_crashes_the_reader(source, tmp_path, name, seed):
    original = source(name)
    path = tmp_path / "mutated"
    content = (original / "saved_model.pb" if original.is_dir() else original).read_bytes()
    if original.is_dir():
        path.mkdir(exist_ok=True)
        (path / "saved_model.pb").write_bytes(mutate(content, seed))
    else:
        path.write_bytes(mutate(content, seed))
    for found in inspect(path, HARMLESS[name]):
        assert found.message


def test_a_mutated_hdf5_file_is_refused_or_read_and_never_ends_the_exporter(source, tmp_path):
    content = source("keras2.h5").read_bytes()
    for seed in range(4):
        path = tmp_path / f"{seed}.h5"
        path.write_bytes(mutate(content, seed))
        with io.StringIO() as told:
            try:
                told.write(str(check(path, kinds.KERAS_2)))
            except ExportRefused as refused:
                told.write(str(refused))
            assert told.getvalue()
