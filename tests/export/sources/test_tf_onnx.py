"""The road from TensorFlow to ONNX: operations taught, names kept, failures named."""

from __future__ import annotations

import logging

import numpy as np
import onnx
import pytest

from model_store.errors import ExportRefused
from model_store.spec import TensorSpec

RNG = np.random.default_rng(4)
NUMBERS = RNG.uniform(-3, 3, (5, 4)).astype(np.float32)


@pytest.fixture(scope="session")
def tf_onnx(tf):
    from export.sources import tf_onnx

    return tf_onnx


@pytest.fixture
def to_onnx(tf, tf_onnx, tmp_path):
    """Converts a function of one or more tensors, by way of a SavedModel; gives file and notes."""

    def convert(function, *specs, module=None):
        module = module or tf.Module()
        module.serve = tf.function(function, input_signature=specs)
        tf.saved_model.save(module, str(tmp_path / "saved"), signatures={"serve": module.serve})
        path = tmp_path / "model.onnx"
        return path, tf_onnx.convert_saved_model(tmp_path / "saved", "serve", path)

    return convert


@pytest.fixture(scope="session")
def rows(tf):
    return tf.TensorSpec((None, 4), tf.float32, name="numbers")


FORMULAS = {
    "erfc": lambda tf, x: tf.math.erfc(x),
    "exact gelu": lambda tf, x: tf.nn.gelu(x, approximate=False),
    "expm1": lambda tf, x: tf.math.expm1(x),
    "log1p": lambda tf, x: tf.math.log1p(tf.abs(x)),
    "xlogy": lambda tf, x: tf.math.xlogy(tf.nn.relu(x), tf.nn.relu(x)),
    "xlog1py": lambda tf, x: tf.math.xlog1py(tf.nn.relu(x), tf.nn.relu(x) - 1),
    "xdivy": lambda tf, x: tf.math.xdivy(tf.nn.relu(x), tf.nn.relu(x)),
    "multiply_no_nan": lambda tf, x: tf.math.multiply_no_nan(1 / tf.nn.relu(x), tf.nn.relu(x)),
    "l2 loss": lambda tf, x: tf.nn.l2_loss(x),
    "truncated remainder": lambda tf, x: tf.raw_ops.TruncateMod(x=x, y=tf.constant(0.7)),
    "bucketize": lambda tf, x: tf.raw_ops.Bucketize(input=x, boundaries=[-1.0, 0.0, 0.5]),
    "softplus": lambda tf, x: tf.math.softplus(x),
    "erf": lambda tf, x: tf.math.erf(x),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_an_operation_tf2onnx_lacks_is_said_in_other_words(tf, to_onnx, rows, run_onnx, name):
    path, _ = to_onnx(lambda numbers: {"y": FORMULAS[name](tf, numbers)}, rows)
    for batch in (1, 5):
        want = FORMULAS[name](tf, tf.constant(NUMBERS[:batch])).numpy()
        got = run_onnx(path, {"numbers": NUMBERS[:batch]})["y"]
        assert got.dtype == want.dtype
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


def test_names_and_order_are_the_signatures_whatever_the_order_of_the_arguments(
    tf, to_onnx, run_onnx
):
    path, _ = to_onnx(
        lambda *tensors: {"sum": tensors[0] + tensors[1], "first": tensors[0] * 1.0},
        tf.TensorSpec((None,), tf.float32, name="zeta"),
        tf.TensorSpec((None,), tf.float32, name="alpha"),
    )
    graph = onnx.load(path).graph
    assert [value.name for value in graph.input] == ["alpha", "zeta"]
    assert [value.name for value in graph.output] == ["first", "sum"]
    zeta, alpha = np.float32([1, 2]), np.float32([10, 20])
    got = run_onnx(path, {"zeta": zeta, "alpha": alpha})
    assert got["first"].tolist() == [1, 2]
    assert got["sum"].tolist() == [11, 22]


def test_an_input_without_effect_stays_an_input_and_is_noted(tf, to_onnx, rows, run_onnx):
    path, notes = to_onnx(
        lambda numbers, unused: {"y": numbers * 2.0},
        rows,
        tf.TensorSpec((None,), tf.int32, name="extra"),
    )
    assert notes == ("the input extra has no effect on the outputs",)
    got = run_onnx(path, {"numbers": NUMBERS, "extra": np.zeros(5, np.int32)})
    assert np.array_equal(got["y"], NUMBERS * 2)


def test_one_tensor_given_out_twice_and_an_input_given_back_keep_both_names(
    tf, to_onnx, rows, run_onnx
):
    path, _ = to_onnx(
        lambda numbers: {"a": (twice := numbers * 2.0), "b": twice, "same": numbers}, rows
    )
    got = run_onnx(path, {"numbers": NUMBERS})
    assert np.array_equal(got["a"], got["b"])
    assert np.array_equal(got["same"], NUMBERS)


def test_a_name_of_an_input_and_an_output_is_refused(tf, to_onnx, rows):
    with pytest.raises(ExportRefused, match="numbers is an input and an output"):
        to_onnx(lambda numbers: {"numbers": numbers + 1.0}, rows)


def test_free_axes_are_named_and_fixed_ones_kept(tf, to_onnx):
    path, _ = to_onnx(
        lambda picture: {"grey": tf.reduce_mean(picture, -1)},
        tf.TensorSpec((None, None, None, 3), tf.float32, name="picture"),
    )
    (picture,) = onnx.load(path).graph.input
    axes = [axis.dim_param or axis.dim_value for axis in picture.type.tensor_type.shape.dim]
    assert axes == ["batch", "picture_axis_1", "picture_axis_2", 3]


def test_every_operation_onnx_lacks_is_named_with_its_node_the_reason_and_the_remedy(tf, to_onnx):
    def decode(jpeg):
        with tf.name_scope("reader"):
            pixels = tf.io.decode_jpeg(jpeg[0])
        return {"bytes": tf.strings.to_hash_bucket_fast(jpeg, 5), "pixels": pixels}

    with pytest.raises(ExportRefused) as caught:
        to_onnx(decode, tf.TensorSpec((None,), tf.string, name="jpeg"))
    message = str(caught.value)
    assert "DecodeJpeg (node reader/DecodeJpeg): ONNX graphs take pixels" in message
    assert "StringToHashBucketFast" in message
    assert "export it with --to saved_model" in message


def test_an_operation_that_fails_to_convert_is_named_with_the_converters_reason(tf, to_onnx):
    with pytest.raises(ExportRefused) as caught:
        to_onnx(
            lambda numbers, axis: {"y": tf.roll(numbers, 1, axis)},
            tf.TensorSpec((None, 4), tf.float32, name="numbers"),
            tf.TensorSpec((), tf.int32, name="axis"),
        )
    message = str(caught.value)
    assert "ONNX cannot express Roll (node Roll): Can only convert Roll is axis is const" in message
    assert "export it with --to saved_model" in message


def test_a_model_with_a_memory_is_refused_though_tf2onnx_would_drop_it(tf, to_onnx, rows):
    module = tf.Module()
    module.calls = tf.Variable(0.0)

    def count(numbers):
        return {"y": numbers + module.calls.assign_add(1.0)}

    with pytest.raises(ExportRefused, match=r"keeps state between calls \(AssignAddVariableOp"):
        to_onnx(count, rows, module=module)


def test_a_dtype_is_kept_or_refused(tf, to_onnx, run_onnx):
    path, _ = to_onnx(lambda n: {"y": n + 1}, tf.TensorSpec((None,), tf.int64, name="n"))
    (value,) = onnx.load(path).graph.input
    assert value.type.tensor_type.elem_type == onnx.TensorProto.INT64
    assert run_onnx(path, {"n": np.int64([2**40])})["y"].tolist() == [2**40 + 1]


def test_the_converters_log_is_as_it_was(tf, to_onnx, rows, capsys):
    logger = logging.getLogger("tf2onnx")
    before = (list(logger.handlers), logger.propagate)
    to_onnx(lambda numbers: {"y": numbers * 2.0}, rows)
    with pytest.raises(ExportRefused):
        to_onnx(
            lambda numbers: {"y": tf.linalg.inv(numbers)}, tf.TensorSpec((4, 4), name="numbers")
        )
    assert (list(logger.handlers), logger.propagate) == before
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "MatrixInverse" not in captured.err


def test_a_dtype_that_no_wire_carries_is_refused(tf):
    from export.sources.tf_signatures import dtype_name

    with pytest.raises(ExportRefused, match="resource cannot be sent"):
        dtype_name(tf.resource)
    assert dtype_name(tf.string) == "bytes"
    assert dtype_name(tf.bfloat16) == "bfloat16"


def test_an_output_of_unknown_rank_is_noted_and_runs(tf, to_onnx, run_onnx):
    path, notes = to_onnx(
        lambda shape: {"y": tf.zeros(shape)}, tf.TensorSpec((None,), tf.int32, name="shape")
    )
    assert notes == ("of the output y, its rank is not known before it is run",)
    assert run_onnx(path, {"shape": np.int32([2, 3])})["y"].shape == (2, 3)
    assert str(TensorSpec("y", "float32", None)) == "y: float32[...]"
