"""Requests and answers over HTTP: JSON with binary tensors behind it, and what they may not be."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_store.errors import EaselError, InvalidRequest
from model_store.spec import ModelVersion, Signature, TensorSpec
from serving.api import oip_binary
from serving.api.calls import Answer, ModelRef
from serving.api.oip_tensors import DATATYPES, encode_raw
from tests.serving.api.test_tfs import ARRAYS

REF = ModelRef("m")
ONE = {"name": "x", "datatype": "FP32", "shape": [1]}
REGION = {"shared_memory_region": "r", "shared_memory_byte_size": 4}


def binary_request(*tensors: tuple[dict, bytes], **fields) -> tuple[bytes, int]:
    """A request whose inputs' bytes follow the JSON, and the JSON's length."""
    inputs = [{**head, "parameters": {"binary_data_size": len(raw)}} for head, raw in tensors]
    text = json.dumps({"inputs": inputs, **fields}).encode()
    return text + b"".join(raw for _, raw in tensors), len(text)


def described(name: str, array: np.ndarray) -> dict:
    datatype = "BYTES" if array.dtype == object else DATATYPES[array.dtype.name]
    return {"name": name, "datatype": datatype, "shape": list(array.shape)}


@given(st.lists(ARRAYS, min_size=1, max_size=3))
def test_binary_tensors_are_read_as_they_were_written(arrays):
    body, length = binary_request(
        *((described(str(i), array), encode_raw(array)) for i, array in enumerate(arrays))
    )
    decoded = oip_binary.decode_infer_request(body, length, REF).prediction.inputs
    for i, array in enumerate(arrays):
        assert decoded[str(i)].dtype == array.dtype
        assert decoded[str(i)].flags.aligned
        np.testing.assert_array_equal(decoded[str(i)], array)


@given(ARRAYS, st.booleans())
def test_an_answer_is_written_as_it_was_asked_for(array, by_output):
    asked = (
        {"outputs": [{"name": "y", "parameters": {"binary_data": True}}]}
        if by_output
        else {"parameters": {"binary_data_output": True}}
    )
    call = oip_binary.decode_infer_request(
        json.dumps({"inputs": [], "id": "7", **asked}).encode(), None, REF
    )
    answer = Answer(ModelVersion("m", 3), {"y": array})
    body, length = oip_binary.encode_infer_response(answer, call)
    message = json.loads(body[:length])
    (output,) = message["outputs"]
    assert (message["model_name"], message["model_version"], message["id"]) == ("m", "3", "7")
    assert (output["datatype"], output["shape"]) == (DATATYPES[array.dtype.name], list(array.shape))
    assert output["parameters"]["binary_data_size"] == len(body) - length
    np.testing.assert_array_equal(
        np.frombuffer(body[length:], array.dtype).reshape(array.shape), array
    )


def test_what_an_output_says_wins_over_what_the_request_says():
    text = {"inputs": [], "parameters": {"binary_data_output": True},
            "outputs": [{"name": "a", "parameters": {"binary_data": False}}, {"name": "b"}]}  # fmt: skip
    call = oip_binary.decode_infer_request(json.dumps(text).encode(), None, REF)
    answer = Answer(ModelVersion("m", 1), {"a": np.uint8([1]), "b": np.uint8([2])})
    body, length = oip_binary.encode_infer_response(answer, call)
    first, second = json.loads(body[:length])["outputs"]
    assert (first["data"], second["parameters"], body[length:]) == (
        [1],
        {"binary_data_size": 1},
        b"\2",
    )
    assert call.prediction.outputs == ("a", "b")


def test_an_answer_in_json_alone_has_no_length_and_no_empty_id():
    call = oip_binary.decode_infer_request(b'{"inputs":[]}', None, REF)
    body, length = oip_binary.encode_infer_response(
        Answer(ModelVersion("m", 1), {"y": np.float32([[1, np.nan]])}), call
    )
    assert length is None
    assert body == (
        b'{"model_name":"m","model_version":"1","outputs":'
        b'[{"name":"y","datatype":"FP32","shape":[1,2],"data":[1.0,NaN]}]}'
    )


def signature(*specs: TensorSpec) -> Signature:
    return Signature(specs, (TensorSpec("y", "float32", (None, 1)),))


def test_a_raw_body_is_the_only_input_of_a_batch_of_one():
    image = np.arange(12, dtype=np.uint8).reshape(1, 2, 2, 3)
    call = oip_binary.decode_raw_request(
        image.tobytes(), signature(TensorSpec("image", "uint8", (None, 2, None, 3))), REF
    )
    np.testing.assert_array_equal(call.prediction.inputs["image"], image)
    assert call.is_binary
    text = oip_binary.decode_raw_request(
        b"\0any bytes", signature(TensorSpec("s", "bytes", (None, 1))), REF
    )
    assert text.prediction.inputs["s"].tolist() == [[b"\0any bytes"]]


@pytest.mark.parametrize(
    ("specs", "body", "words"),
    [
        ([("a", (None, 2)), ("b", (None, 2))], b"", "needs a model with one input; 'm' has 2"),
        ([("a", (None, None, None))], b"", "has 2 free axes"),
        ([("a", (None, 2))], b"123", "Expected 2, got 3"),
        ([("a", (None, 2, None))], b"123", "Expected 2, got 3"),
        ([("a", (None, 0, None))], b"123", "Expected 0, got 3"),
    ],
)
def test_a_raw_body_that_is_not_the_input_is_refused(specs, body, words):
    with pytest.raises(InvalidRequest, match=words):
        oip_binary.decode_raw_request(
            body, signature(*(TensorSpec(name, "uint8", shape) for name, shape in specs)), REF
        )


def request(*inputs: dict, **fields) -> bytes:
    return json.dumps({"inputs": list(inputs), **fields}).encode()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"[]", "must be a JSON object"),
        (b"{}", "Unable to parse 'inputs'"),
        (b'{"inputs":[3]}', "Unable to parse 'inputs'"),
        (b'{"inputs":{}}', "Unable to parse 'inputs'"),
        (request({}), "Unable to parse 'name'"),
        (request({"name": "x"}), "Unable to parse 'shape' of input 'x' for model 'm'"),
        (request({"name": "x", "shape": [1.0]}), "Unable to parse 'shape'"),
        (request({"name": "x", "shape": [True]}), "Unable to parse 'shape'"),
        (request({"name": "x", "shape": [1]}), "Unable to parse 'datatype'"),
        (request({"name": "x", "shape": [1], "datatype": "float"}), "invalid datatype for input x"),
        (request({"name": "x", "shape": [-1], "datatype": "FP32"}), "invalid shape"),
        (request({"name": "x", "shape": [0] * 33, "datatype": "FP32"}), "invalid shape"),
        (request(ONE), "But no field is set"),
        (request({**ONE, "data": [1], "parameters": 3}), "'parameters' of input 'x'"),
        (request({**ONE, "data": [1], "parameters": {"binary_data_size": 4}}), "must set only one"),
        (request({**ONE, "parameters": {"binary_data_size": 4}}), "expecting 4 additional bytes"),
        (request({**ONE, "parameters": {"binary_data_size": -4}}), "must be a whole number"),
        (request({**ONE, "parameters": {"binary_data_size": "4"}}), "must be a whole number"),
        (request({**ONE, "parameters": REGION}), "shares no memory"),
        (request({**ONE, "data": [1]}, {**ONE, "data": [1]}), "given twice"),
        (request(id=7), "'id' must be a string"),
        (request(parameters={"binary_data_output": 1}), "must be true or false"),
        (request(parameters={"sequence_id": 5}), "keeps state between requests"),
        (request(parameters={"priority": -1}), "whole number from 0"),
        (request(parameters={"timeout": 0.5}), "whole number from 0"),
        (request(outputs=[{}]), "Unable to parse 'name' of an output"),
        (request(outputs=[{"name": "y"}] * 2), "asked for twice"),
        (request(outputs=[{"name": "y", "parameters": {"classification": 0}}]), "whole number from 1"),
        (request(outputs=[{"name": "y", "parameters": {"binary_data": "yes"}}]), "true or false"),
        (request(outputs=[{"name": "y", "parameters": REGION}]), "shares no memory"),
    ],
)  # fmt: skip
def test_a_request_that_cannot_be_is_refused_with_the_reason(body, words):
    with pytest.raises(InvalidRequest) as refused:
        oip_binary.decode_infer_request(body, None, REF)
    assert words in str(refused.value)


def test_bytes_that_belong_to_no_input_are_refused():
    body, length = binary_request((ONE, b"\0" * 4))
    with pytest.raises(InvalidRequest, match="unexpected additional input data for model 'm': 1"):
        oip_binary.decode_infer_request(body + b"!", length, REF)


@pytest.mark.parametrize("value", [b"121", b"-1", b"x", b"", b"9" * 5000])
def test_a_length_of_the_json_that_cannot_be_is_refused(value):
    with pytest.raises(InvalidRequest, match=r"should be in range \(0, 120\), got: "):
        oip_binary.decode_header_length(value, 120)


def test_requests_say_how_urgent_they_are_and_how_long_they_wait():
    fields = {"priority": 1, "timeout": 250_000, "triton_enable_empty_final_response": True}
    call = oip_binary.decode_infer_request(request(parameters=fields), None, REF)
    assert (call.prediction.priority, call.options.timeout_s) == (1, 0.25)
    plain = oip_binary.decode_infer_request(request(), None, REF)
    assert (plain.prediction.priority, plain.options.timeout_s) == (0, None)


@given(st.binary(max_size=200), st.integers(0, 300) | st.none())
def test_any_bytes_are_a_request_or_refused(body, length):
    try:
        given_length = None if length is None else str(length).encode()
        taken = oip_binary.decode_header_length(given_length, len(body))
        oip_binary.decode_infer_request(body, taken, REF)
    except EaselError:
        return


FIELD = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 300) | st.sampled_from(["x", "FP32", "BYTES", "UINT8"]),
    lambda inner: st.lists(inner, max_size=3),
)  # fmt: skip
PARAMETERS = st.dictionaries(
    st.sampled_from(["binary_data_size", "binary_data", "classification", "priority", "timeout"]), FIELD
)  # fmt: skip
TENSOR = st.fixed_dictionaries(
    {"name": FIELD, "datatype": FIELD, "shape": FIELD},
    optional={"data": FIELD, "parameters": PARAMETERS},
)


@given(
    st.lists(TENSOR, max_size=2), st.lists(TENSOR, max_size=2), PARAMETERS, st.binary(max_size=20)
)
def test_anything_like_a_request_is_one_or_refused(inputs, outputs, parameters, tail):
    text = json.dumps({"inputs": inputs, "outputs": outputs, "parameters": parameters}).encode()
    try:
        call = oip_binary.decode_infer_request(text + tail, len(text), REF)
    except EaselError:
        return
    assert call.prediction.inputs.keys() == {item["name"] for item in inputs}
