"""TF Serving's tensors and requests, there and back, and everything they may not be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from model_store.errors import InvalidRequest
from model_store.spec import ModelVersion
from serving.api import tfs
from serving.api.calls import Answer, ModelRef, Prediction
from serving.api.protos import tensorflow_pb2 as tf
from serving.api.protos import tensorflow_serving_pb2 as pb

NUMERIC = st.sampled_from(
    ["float16", "float32", "float64", "int8", "int16", "int32", "int64",
     "uint8", "uint16", "uint32", "uint64", "bool"]
)  # fmt: skip
ARRAYS = NUMERIC.flatmap(
    lambda dtype: hnp.arrays(
        dtype, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)
    )
)


@given(ARRAYS)
def test_a_tensor_comes_back_as_it_was(array):
    decoded = tfs.decode_tensor("x", tfs.encode_tensor(array))
    assert decoded.dtype == array.dtype
    np.testing.assert_array_equal(decoded, array)


@given(hnp.arrays(object, hnp.array_shapes(max_dims=2, max_side=3), elements=st.binary(max_size=9)))
def test_strings_come_back_as_they_were(array):
    np.testing.assert_array_equal(tfs.decode_tensor("x", tfs.encode_tensor(array)), array)


def tensor(dtype, shape, **fields):
    proto = tf.TensorProto(dtype=dtype, **fields)
    for size in shape:
        proto.tensor_shape.dim.add().size = size
    return proto


@pytest.mark.parametrize(
    ("proto", "want"),
    [
        (tensor(tf.DT_FLOAT, [3], float_val=[1, 2, 3]), np.float32([1, 2, 3])),
        (tensor(tf.DT_FLOAT, [3], float_val=[1, 2]), np.float32([1, 2, 2])),
        (tensor(tf.DT_FLOAT, [3]), np.float32([0, 0, 0])),
        (tensor(tf.DT_UINT8, [2], int_val=[1, 255]), np.uint8([1, 255])),
        (tensor(tf.DT_HALF, [2], half_val=[0x3C00, 0xC000]), np.float16([1, -2])),
        (tensor(tf.DT_BOOL, [2], bool_val=[True]), np.array([True, True])),
        (tensor(tf.DT_INT64, [], int64_val=[7]), np.int64(7)),
        (tensor(tf.DT_UINT32, [1], uint32_val=[7]), np.uint32([7])),
        (tensor(tf.DT_UINT64, [1], uint64_val=[2**63]), np.uint64([2**63])),
        (tensor(tf.DT_DOUBLE, [2, 1], double_val=[1, 2]), np.float64([[1], [2]])),
        (tensor(tf.DT_STRING, [2], string_val=[b"a"]), np.array([b"a", b"a"], object)),
    ],
)
def test_typed_fields_are_read_as_tensorflow_reads_them(proto, want):
    decoded = tfs.decode_tensor("x", proto)
    np.testing.assert_array_equal(decoded, want)
    assert decoded.dtype == want.dtype


@pytest.mark.parametrize(
    ("proto", "words"),
    [
        (tensor(tf.DT_COMPLEX64, [1]), "DT_COMPLEX64 is not supported"),
        (tensor(99, [1]), "dtype 99 is not supported"),
        (tensor(tf.DT_FLOAT, [-1]), "must be fully known"),
        (
            tf.TensorProto(dtype=tf.DT_FLOAT, tensor_shape=tf.TensorShapeProto(unknown_rank=True)),
            "fully known",
        ),
        (tensor(tf.DT_FLOAT, [2], tensor_content=b"1234"), "has 4 bytes"),
        (tensor(tf.DT_FLOAT, [1], float_val=[1, 2]), "too many"),
        (tensor(tf.DT_FLOAT, [2**20, 2**20]), "too many elements"),
        (tensor(tf.DT_UINT8, [1], int_val=[300]), "does not fit"),
        (tensor(tf.DT_INT8, [2], int_val=[1, -200]), "does not fit"),
    ],
)
def test_a_tensor_that_cannot_be_is_refused_with_the_reason(proto, words):
    with pytest.raises(InvalidRequest, match=words):
        tfs.decode_tensor("x", proto)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_request_or_refused(data):
    try:
        prediction = tfs.decode_predict_request(data)
    except InvalidRequest:
        return
    assert isinstance(prediction, Prediction)


@pytest.mark.parametrize(
    "ref", [ModelRef("m"), ModelRef("m", version=3), ModelRef("m", label="canary")]
)
def test_a_request_comes_back_as_it_was(ref):
    sent = Prediction(ref, {"x": np.uint8([[1, 2]])}, ("y",), "other")
    got = tfs.decode_predict_request(tfs.encode_predict_request(sent))
    assert (got.model, got.outputs, got.signature) == (ref, ("y",), "other")
    np.testing.assert_array_equal(got.inputs["x"], sent.inputs["x"])


def test_an_answer_names_the_version_that_answered():
    answer = Answer(ModelVersion("m", 3), {"y": np.float32([[0.5]])})
    data = tfs.encode_predict_response(answer, "serving_default")
    spec = pb.PredictResponse.FromString(data).model_spec
    assert (spec.name, spec.version.value, spec.signature_name) == ("m", 3, "serving_default")
    assert tfs.decode_predict_response(data).model == answer.model


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (pb.PredictRequest(), "Missing ModelSpec"),
        (
            pb.PredictRequest(model_spec=pb.ModelSpec(signature_name="s")),
            "ModelSpec has no name specified.",
        ),
    ],
)
def test_a_request_without_model_is_refused_in_tf_servings_words(request_, words):
    with pytest.raises(InvalidRequest, match=words):
        tfs.decode_predict_request(request_.SerializeToString())
