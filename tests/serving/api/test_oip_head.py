"""What is remembered of requests that say the same, and that nobody can tell."""

from __future__ import annotations

import json

import numpy as np
import pytest

from model_store.errors import InvalidRequest
from serving.api.calls import ModelRef
from serving.api.oip_binary import decode_infer_request
from serving.api.oip_head import remembered_head

REF = ModelRef("m")
ROW = {"name": "x", "datatype": "FP32", "shape": [1, 2], "parameters": {"binary_data_size": 8}}


def decoded(message: dict, raw: bytes, model: ModelRef = REF):
    text = json.dumps(message).encode()
    return decode_infer_request(text + raw, len(text), model)


def test_requests_that_say_the_same_have_each_their_own_tensors_and_model():
    message = {"inputs": [ROW], "id": "seven", "parameters": {"binary_data_output": True}}
    arrays = [np.array([[1.5, number]], np.float32) for number in range(3)]
    for number, array in enumerate(arrays, start=1):
        call = decoded(message, array.tobytes(), ModelRef("m", number))
        np.testing.assert_array_equal(call.prediction.inputs["x"], array)
        assert call.prediction.model == ModelRef("m", number)
        assert (call.id, call.is_binary) == ("seven", True)


def test_what_follows_in_binary_is_read_once_and_nothing_else_is_remembered():
    def head(message: dict):
        text = json.dumps(message).encode()
        return remembered_head(text + b"12345678", len(text))

    assert head({"inputs": [ROW]}) is head({"inputs": [ROW]}) is not None
    assert head({"inputs": [ROW | {"parameters": {}, "data": [1, 2]}]}) is None
    assert head({"inputs": [ROW], "id": "7" * 2000}) is None


@pytest.mark.parametrize(
    ("message", "raw", "said"),
    [
        ({"inputs": [ROW]}, b"1234567", "expecting 1 additional bytes"),
        ({"inputs": [ROW]}, b"123456789", "1 bytes belong to no input"),
        ({"inputs": [ROW, ROW]}, b"1" * 16, "'x' is given twice for model 'm'"),
        ({"inputs": [ROW | {"data": [1, 2]}]}, b"1" * 8, "only one of the following fields"),
        ({"inputs": [ROW | {"shape": [1, 3]}]}, b"1" * 8, "Expected 12, got 8"),
        ({"inputs": [ROW | {"shape": [-1]}]}, b"1" * 8, "invalid shape"),
        ({"inputs": [ROW | {"parameters": {"binary_data_size": -8}}]}, b"", "whole number"),
        ({"inputs": [ROW | {"parameters": {"binary_data_size": True}}]}, b"", "whole number"),
        ({"inputs": [ROW], "id": 7}, b"1" * 8, "'id' must be a string"),
        ({"inputs": [ROW], "parameters": {"priority": -1}}, b"1" * 8, "'priority'"),
        ({"outputs": []}, b"", "Unable to parse 'inputs'"),
    ],
)
def test_a_mistake_is_told_in_the_same_words_each_time(message, raw, said):
    for padding in ({}, {}, {"unknown": "7" * 2000}):
        with pytest.raises(InvalidRequest, match=said):
            decoded(message | padding, raw)
