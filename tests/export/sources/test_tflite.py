"""TensorFlow Lite files of every flavour: what the interpreter gives, the graph gives too."""

from __future__ import annotations

import numpy as np
import pytest

from export.sources.source import Options
from model_store.errors import ExportRefused

pytestmark = [
    pytest.mark.filterwarnings("ignore:Statistics for quantized inputs"),
    pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter is deprecated"),
]
RNG = np.random.default_rng(13)
DEFAULT = "serving_default"


@pytest.fixture(scope="session")
def network(keras):
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Input((8, 8, 3), name="picture"),
            layers.Conv2D(4, 3, activation="relu"),
            layers.DepthwiseConv2D(3),
            layers.Flatten(),
            layers.Dense(5, activation="softmax"),
        ]
    )


@pytest.fixture(scope="session")
def convert(tf, network, tmp_path_factory):
    """Writes the network, or a function, as TFLite with these settings."""
    folder = tmp_path_factory.mktemp("tflite")

    def convert(name, module=None, types=(), operations=(), **settings):
        saved = folder / f"{name}-saved"
        if module is None:
            network.export(saved, verbose=False)
        else:
            tf.saved_model.save(module, str(saved))
        converter = tf.lite.TFLiteConverter.from_saved_model(str(saved))
        converter.target_spec.supported_types = list(types)
        if operations:
            converter.target_spec.supported_ops = list(operations)
        for key, value in settings.items():
            setattr(converter, key, value)
        path = folder / f"{name}.tflite"
        path.write_bytes(converter.convert())
        return path

    return convert


def pictures(batch):
    return RNG.uniform(0, 1, (batch, 8, 8, 3)).astype(np.float32)


@pytest.fixture(scope="session")
def flavours(tf, convert):
    smaller = {"optimizations": [tf.lite.Optimize.DEFAULT]}
    whole = smaller | {
        "representative_dataset": lambda: ([pictures(1)] for _ in range(20)),
        "operations": [tf.lite.OpsSet.TFLITE_BUILTINS_INT8],
    }
    bytes_ = {"inference_input_type": tf.uint8, "inference_output_type": tf.uint8}
    return {
        "float": convert("float"),
        "dynamic-range": convert("dynamic", **smaller),
        "float16": convert("float16", types=[tf.float16], **smaller),
        "int8": convert("int8", **whole),
        "uint8 in and out": convert("uint8", **whole, **bytes_),
    }


@pytest.fixture(scope="session")
def load(tf):
    from export.sources import tflite

    return lambda path, **options: tflite.load(path, Options(**options))


# A step of the last quantisation, where rounding goes one way here and the other there.
STEPS = {"dynamic-range": 0.02, "int8": 1 / 256, "uint8 in and out": 1}


@pytest.mark.parametrize(
    "flavour", ["float", "dynamic-range", "float16", "int8", "uint8 in and out"]
)
def test_every_flavour_becomes_an_equal_graph_of_any_batch(
    load, flavours, run_onnx, tmp_path, flavour
):
    source = load(flavours[flavour])
    signature = source.describe().signatures[DEFAULT]
    dtype = "uint8" if flavour.startswith("uint8") else "float32"
    assert [str(spec) for spec in (*signature.inputs, *signature.outputs)] == [
        f"picture: {dtype}[N, 8, 8, 3]", f"output_0: {dtype}[N, 5]",
    ]  # fmt: skip
    assert source.to_onnx(DEFAULT, tmp_path) == ()
    for batch in (1, 2, 7):
        picture = pictures(batch)
        inputs = {"picture": (picture * 255).astype(np.uint8) if dtype == "uint8" else picture}
        want = source.run(DEFAULT, inputs)["output_0"]
        got = run_onnx(tmp_path / "model.onnx", inputs)["output_0"]
        assert (got.dtype, got.shape) == (want.dtype, want.shape) == (dtype, (batch, 5))
        error = np.abs(got.astype(np.float64) - want.astype(np.float64)).max()
        assert error <= STEPS.get(flavour, 1e-6)


def test_a_file_is_described_with_how_it_was_quantised(load, flavours):
    assert load(flavours["float"]).describe().route == "TensorFlow Lite, by its interpreter"
    assert "quantised (int8)" in load(flavours["int8"]).describe().route
    assert "quantised (float16)" in load(flavours["float16"]).describe().route


@pytest.fixture(scope="session")
def one_row(tf, convert):
    """Written for one row: one that can be resized, and one whose reshape cannot."""
    kernel = tf.constant(RNG.normal(size=(3, 3, 3, 2)), tf.float32)
    picture = tf.TensorSpec((1, 8, 8, 3), tf.float32, name="picture")

    def written(function):
        module = tf.Module()
        module.serve = tf.function(function, input_signature=[picture])
        return module

    def resizable(picture):
        features = tf.nn.conv2d(picture, kernel, 2, "SAME")
        return {"features": features, "means": tf.reduce_mean(features, (1, 2))}

    def baked(picture):
        return {"flat": tf.reshape(tf.nn.conv2d(picture, kernel, 2, "SAME"), (1, 32))}

    return {each.__name__: convert(each.__name__, written(each)) for each in (resizable, baked)}


def test_a_file_for_one_row_that_can_be_resized_becomes_a_graph_of_any_batch(
    load, one_row, assert_same
):
    source = load(one_row["resizable"], output_names=("f", "m"))
    signature = source.describe().signatures[DEFAULT]
    assert {spec.shape[0] for spec in (*signature.inputs, *signature.outputs)} == {None}
    assert_same(source, lambda batch: {"picture": pictures(batch)})


def test_a_file_whose_rows_are_baked_in_says_so(load, one_row, run_onnx, tmp_path):
    source = load(one_row["baked"])
    description = source.describe()
    assert description.signatures[DEFAULT].inputs[0].shape == (1, 8, 8, 3)
    assert "as many rows as it was written for" in description.notes[0]
    source.to_onnx(DEFAULT, tmp_path)
    inputs = {"picture": pictures(1)}
    got = run_onnx(tmp_path / "model.onnx", inputs)["flat"]
    assert np.allclose(got, source.run(DEFAULT, inputs)["flat"], atol=1e-5)


def test_names_without_a_signature_are_plain(load, one_row):
    from export.sources.tflite import _plain

    assert _plain("serving_default_input_1:0") == "input_1"
    assert _plain("StatefulPartitionedCall:1") == "StatefulPartitionedCall"
    with pytest.raises(ExportRefused, match="has 1 outputs, --output-names 2"):
        load(one_row["baked"], output_names=("a", "b"))


def test_what_cannot_be_done_is_said_with_the_way_out(load, one_row, tmp_path):
    source = load(one_row["baked"])
    with pytest.raises(ExportRefused, match="export it with --to onnx, or export the model that"):
        source.to_saved_model(tmp_path, {})
    with pytest.raises(ExportRefused, match="no signature other"):
        source.run("other", {})
    assert list(source.layers(DEFAULT, {})) == []


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\x1c\0\0\0TFL3" + bytes(20)])
def test_a_damaged_file_is_refused(load, tmp_path, content):
    path = tmp_path / "broken.tflite"
    path.write_bytes(content)
    with pytest.raises(ExportRefused, match=r"interpreter cannot load broken\.tflite"):
        load(path)
