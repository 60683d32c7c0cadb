"""TorchServe's bodies and messages, against the handler that archives hold."""

from __future__ import annotations

import contextlib
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from export import mar_handler
from model_store.errors import InvalidRequest
from serving.api import torchserve
from serving.api.protos import torchserve_inference_pb2 as pb
from tests.serving.api.test_tfs import ARRAYS

SENDABLE = ARRAYS.filter(lambda array: array.dtype.name not in ("float16", "bfloat16"))


def contract_of(array):
    spec = {"name": "x", "dtype": array.dtype.name, "shape": [None] * array.ndim}
    return {"model": "m", "version": 3, "inputs": [spec]}


@given(SENDABLE)
def test_the_handler_reads_what_the_client_writes(array):
    body = {"body": torchserve.encode_body({"x": array})}
    request = mar_handler.read(body, contract_of(array))
    assert request.is_open_inference
    assert request.tensors["x"].dtype == array.dtype
    np.testing.assert_array_equal(request.tensors["x"], array)


@given(SENDABLE)
def test_the_client_reads_what_the_handler_writes(array):
    request = mar_handler.Request({}, is_open_inference=True)
    body = mar_handler._written({"y": array}, request, contract_of(array))
    for answer in (
        torchserve.decode_body(body),
        torchserve.decode_prediction_response(
            pb.PredictionResponse(prediction=body).SerializeToString()
        ),
    ):
        assert (answer.version, answer.refusal) == ("3", "")
        assert answer.outputs["y"].dtype == array.dtype
        np.testing.assert_array_equal(answer.outputs["y"], array)


def test_a_refusal_is_told_by_its_form():
    answer = torchserve.decode_body(b'{"error": "input x is missing"}')
    assert (answer.outputs, answer.refusal) == (None, "input x is missing")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(
            st.sampled_from(["outputs", "model_version", "name", "shape", "datatype", "data"]),
            inner,
        ),
    )
)  # fmt: skip
def test_any_json_is_an_answer_or_refused(value):
    body = json.dumps(value).encode()
    for decode in (torchserve.decode_body, torchserve.is_healthy):
        with contextlib.suppress(InvalidRequest):
            decode(body)
    assert isinstance(torchserve.decode_failure(body), str)


@pytest.mark.parametrize("said", ["0", "[]", '{"tabby": 0.6}', "[[0.1, 0.9]]", "null", ""])
def test_a_handler_of_another_kind_is_refused(said):
    with pytest.raises(InvalidRequest):
        torchserve.decode_body(said.encode())


@pytest.mark.parametrize(
    ("output", "is_read"),
    [
        ({"name": "y", "shape": [1], "datatype": "FP32", "data": [1.5]}, True),
        ({"name": "y", "shape": [2], "datatype": "FP32", "data": [1.5]}, False),
        ({"name": "y", "shape": [-1], "datatype": "FP32", "data": [1.5]}, False),
        ({"name": "y", "shape": ["1"], "datatype": "FP32", "data": [1.5]}, False),
        ({"name": "y", "shape": 1, "datatype": "FP32", "data": [1.5]}, False),
        ({"name": "y", "shape": [1], "datatype": "FLOAT", "data": [1.5]}, False),
        ({"name": "y", "shape": [1], "datatype": ["FP32"], "data": [1.5]}, False),
        ({"name": 1, "shape": [1], "datatype": "FP32", "data": [1.5]}, False),
        ({"shape": [1], "datatype": "FP32", "data": [1.5]}, False),
        ("y", False),
    ],
)
def test_an_output_is_what_it_says_or_refused(output, is_read):
    body = json.dumps({"model_version": "1", "outputs": [output]}).encode()
    if is_read:
        assert torchserve.decode_body(body).outputs["y"].tolist() == [1.5]
        return
    with pytest.raises(InvalidRequest):
        torchserve.decode_body(body)


def test_a_predictions_request_names_model_and_version():
    request = torchserve.encode_predictions_request("m", 3, b"{}")
    message = pb.PredictionsRequest.FromString(request)
    assert (message.model_name, message.model_version) == ("m", "3")
    assert dict(message.input) == {"body": b"{}"}
    assert pb.PredictionsRequest.FromString(
        torchserve.encode_predictions_request("m", None, b"")
    ).model_version == ""  # fmt: skip


@pytest.mark.parametrize(
    ("said", "is_well"),
    [('{"status": "Healthy"}', True), ('{"status": "Partial Healthy"}', False), ("[]", False)],
)
def test_health_is_read(said, is_well):
    message = pb.TorchServeHealthResponse(health=said).SerializeToString()
    assert torchserve.decode_is_healthy(message) is is_well


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"code": 404, "type": "X", "message": "Model not found: m"}', "Model not found: m"),
        (b'{"error": "no"}', "no"),
        (b'{"message": 1}', ""),
        (b"[]", ""),
        (b"<html>", ""),
    ],
)
def test_the_words_of_a_failure_are_found(body, words):
    assert torchserve.decode_failure(body) == words
