"""tf.Examples to tensors, JSON to tf.Examples, and tensors to results."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_store.errors import InvalidRequest
from model_store.spec import Signature, TensorSpec
from serving.api.protos import tensorflow_example_pb2 as ex
from serving.api.protos import tensorflow_serving_inference_pb2 as pb
from serving.api.tfs_examples import decode_examples, read_examples
from serving.api.tfs_json_examples import read_example_list
from serving.api.tfs_results import (
    classification_result,
    encode_classification,
    encode_regression,
    regression_result,
)
from tests.model_store.test_contract import ANY_JSON
from tests.serving.engine.graphs import strings
from tests.serving.services.classifiers import example


def taking(dtype: str, *shape: int | None, name: str = "x") -> Signature:
    # A second input, or a lone one of bytes would take the examples as they are.
    other = TensorSpec("other", "int64", (None,))
    return Signature((TensorSpec(name, dtype, shape), other), ())


def read(signature: Signature, *examples: ex.Example) -> np.ndarray:
    whole = [each.SerializeToString() + example(other=[0]).SerializeToString() for each in examples]
    return read_examples(whole, signature)["x"]


@pytest.mark.parametrize(
    ("dtype", "shape", "rows", "want"),
    [
        ("float32", (None,), [[1.5], [2.5]], np.float32([1.5, 2.5])),
        ("float32", (None, 2), [[1.0, 2.0], [3.0, 4.0]], np.float32([[1, 2], [3, 4]])),
        ("float32", (None, 2, 1), [[1.0, 2.0]], np.float32([[[1], [2]]])),
        ("float32", (None, None), [[1.0, 2.0]], np.float32([[1, 2]])),
        ("float32", (None, None, 2), [[1.0, 2.0]], np.float32([[[1, 2]]])),
        ("float64", (None,), [[0.5]], np.float64([0.5])),
        ("float16", (None,), [[1e9]], np.float16([np.inf])),
        ("int64", (None, 1), [[2**62]], np.int64([[2**62]])),
        ("uint8", (None,), [[255]], np.uint8([255])),
        ("bool", (None, 2), [[0, 1]], np.array([[False, True]])),
        ("bytes", (None, 2), [[b"a", b"\xff"]], strings(b"a", b"\xff").reshape(1, 2)),
    ],
)
def test_features_fill_the_inputs_of_their_names(dtype, shape, rows, want):
    found = read(taking(dtype, *shape), *[example(x=row) for row in rows])
    assert found.dtype == want.dtype
    np.testing.assert_array_equal(found, want)


@pytest.mark.parametrize(
    ("dtype", "shape", "examples", "message"),
    [
        ("float32", (None,), [example(x=[1.0]), ex.Example()],
         "feature 'x' of example 1 is missing"),
        ("float32", (None,), [example(x=[1])],
         "feature 'x' of example 0 must be a float_list, got a int64_list"),
        ("bytes", (None, 1), [example(x=[1.0])],
         "feature 'x' of example 0 must be a bytes_list, got a float_list"),
        ("float32", (None, 2), [example(x=[1.0, 2.0]), example(x=[1.0])],
         "feature 'x' of example 1 must have 2 values, got 1"),
        ("float32", (None,), [example(x=[1.0, 2.0])],
         "feature 'x' of example 0 must have 1 values, got 2"),
        ("float32", (None, None), [example(x=[1.0, 2.0]), example(x=[1.0])],
         "feature 'x' of example 1 must have 2 values, got 1"),
        ("float32", (None, None, 2), [example(x=[1.0, 2.0, 3.0])],
         "feature 'x' of example 0 must have 2 values, got 3"),
        ("float32", (None, None, None), [example(x=[1.0])],
         "feature 'x' of example 0: a list does not say how long [None, None] is"),
        ("uint8", (None,), [example(x=[256])],
         "feature 'x' of example 0: a value does not fit uint8"),
        ("bool", (None,), [example(x=[2])],
         "feature 'x' of example 0: a value does not fit bool"),
        ("float32", (), [example(x=[1.0])],
         "input x: float32[] cannot be filled from examples: it has no batch axis"),
    ],
)  # fmt: skip
def test_an_example_that_does_not_fit_is_named(dtype, shape, examples, message):
    with pytest.raises(InvalidRequest) as raised:
        read(taking(dtype, *shape), *examples)
    assert str(raised.value) == message


def test_bytes_that_are_no_example_are_refused():
    with pytest.raises(InvalidRequest, match=r"not a tensorflow\.Example"):
        read_examples([b"\xff"], taking("float32", None))


def test_no_examples_are_refused():
    for empty in (pb.Input(), pb.Input(example_list=pb.ExampleList())):
        with pytest.raises(InvalidRequest, match="Input is empty"):
            decode_examples(empty)


# --- from JSON --------------------------------------------------------------------------


def from_json(*features: object, **more: object) -> pb.Input:
    return read_example_list({"examples": list(features), **more})


def test_json_values_choose_the_kind_of_a_feature():
    found = from_json({"f": [1.5, 2.0], "i": [1, True], "s": ["a", {"b64": "/w=="}], "one": 7})
    (got,) = found.example_list.examples
    assert got == example(f=[1.5, 2.0], i=[1, 1], s=[b"a", b"\xff"], one=[7])


def test_a_context_stands_apart():
    found = from_json({"a": 1}, context={"b": 2}).example_list_with_context
    assert (list(found.examples), found.context) == ([example(a=[1])], example(b=[2]))


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, "JSON Value: {} When method is classify, key 'examples' is expected and was not found"),
        ({"examples": 1}, 'JSON Value: {"examples": 1} Expecting \'examples\' value to be an list/array'),
        ({"examples": []}, "JSON Value: {\"examples\": []} 'examples' value is an empty array"),
        ({"examples": [5]}, "Example must be JSON object but got JSON Number"),
        ({"examples": [{}], "context": []}, "Example must be JSON object but got JSON Array"),
        ({"examples": [{"a": [1, 2.5]}]}, "Unexpected element type in feature: a expecting type: int64"),
        ({"examples": [{"a": ["x", 1]}]}, "Unexpected element type in feature: a expecting type: bytes"),
        ({"examples": [{"a": [0.5, True]}]}, "Unexpected element type in feature: a expecting type: float"),
        ({"examples": [{"a": None}]}, "Feature: a has element with unexpected JSON type: Null"),
        ({"examples": [{"a": [[1]]}]}, "Feature: a has element with unexpected JSON type: Array"),
        ({"examples": [{"a": {"b": 1}}]}, "Feature: a has element with unexpected JSON type: Object"),
        ({"examples": [{"a": 2**63}]},
         "Feature: a has uint64_t element. Only int64_t is supported."),
        ({"examples": [{"a": {"b64": "*"}}]}, "Unable to base64 decode"),
    ],
)  # fmt: skip
def test_json_that_is_no_example_is_told_why(document, message):
    with pytest.raises(InvalidRequest) as raised:
        read_example_list(document)
    assert str(raised.value) == message


@given(ANY_JSON, ANY_JSON)
def test_any_json_is_examples_or_refused(examples, context):
    for document in ({"examples": examples}, {"examples": [examples], "context": context}):
        try:
            assert isinstance(read_example_list(document), pb.Input)
        except InvalidRequest as error:
            assert str(error)


@given(
    st.lists(st.floats(width=32) | st.none(), min_size=1),
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1),
)
def test_features_survive_json(floats, ints):
    numbers = [0.5 if value is None else value for value in floats]
    found = from_json(json.loads(json.dumps({"f": numbers, "i": ints}))).example_list.examples[0]
    assert str(found) == str(example(f=numbers, i=ints))


# --- results --------------------------------------------------------------------------


def test_results_are_written_with_tf_servings_numbers():
    outputs = {"classes": strings('a"', "b").reshape(1, 2), "scores": np.float32([[1, np.nan]])}
    result = classification_result(outputs, 1, ())
    assert encode_classification(result) == b'{"results": [[["a\\"",1.0],["b",NaN]]]}'
    numbers = regression_result({"y": np.float32([[2], [1e-7]])}, 2)
    assert encode_regression(numbers) == b'{"results": [2.0,1e-07]}'


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ({"scores": np.zeros(2, np.float32)},
         "Expected Tensor shape: [batch_size num_classes] but got [2]"),
        ({"scores": np.zeros((2, 1))}, "Expected scores Tensor of DT_FLOAT. Got: float64"),
        ({"classes": np.zeros((2, 1), np.float32)},
         "Expected classes Tensor of DT_STRING. Got: float32"),
        ({"scores": np.zeros((3, 1), np.float32)},
         "Expected scores output batch size of 2. Got: 3"),
        ({"scores": np.zeros((2, 1), np.float32), "classes": strings(*"abcd").reshape(2, 2)},
         "Tensors class and score should match in dim_size(1). Got 2 vs. 1"),
    ],
)  # fmt: skip
def test_outputs_that_are_no_classes_are_refused(outputs, message):
    with pytest.raises(InvalidRequest) as raised:
        classification_result(outputs, 2, ())
    assert str(raised.value) == message


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ({}, "Expected one output Tensor."),
        ({"y": np.zeros((2, 2), np.float32)},
         "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] "
         "but got [2, 2]"),
        ({"y": np.zeros(3, np.float32)},
         "Input batch size did not match output batch size: 2 vs. 3"),
        ({"y": np.zeros(2)}, "Expected output Tensor of DT_FLOAT.  Got: float64"),
    ],
)  # fmt: skip
def test_outputs_that_are_no_numbers_are_refused(outputs, message):
    with pytest.raises(InvalidRequest) as raised:
        regression_result(outputs, 2)
    assert str(raised.value) == message
