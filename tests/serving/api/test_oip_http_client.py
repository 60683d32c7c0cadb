"""What a caller of Open Inference over HTTP writes is what the server reads, and back."""

from __future__ import annotations

import contextlib
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_np

from model_store.errors import InvalidRequest
from model_store.spec import ModelVersion
from serving.api import oip_http_client as client
from serving.api.calls import Answer, ModelRef, Prediction
from serving.api.oip_binary import decode_infer_request, encode_infer_response

NUMBERS = ("uint8", "int32", "int64", "float32", "float64", "float16", "bool")
NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
SHAPES = st_np.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=4)
TENSORS = st.dictionaries(
    NAMES, st.sampled_from(NUMBERS).flatmap(lambda name: st_np.arrays(name, SHAPES)), max_size=3
)


def same(one, other) -> bool:
    return one.keys() == other.keys() and all(
        one[name].dtype == other[name].dtype
        and one[name].shape == other[name].shape
        and one[name].tobytes() == other[name].tobytes()
        for name in one
    )


@given(TENSORS.filter(bool))
def test_the_server_reads_what_was_written(tensors):
    parts, length = client.encode_infer_request(Prediction(ModelRef("m"), tensors))
    call = decode_infer_request(b"".join(parts), length, ModelRef("m"))
    assert same(dict(call.prediction.inputs), tensors)
    assert call.is_binary


@given(TENSORS, st.booleans(), st.integers(1, 2**40))
def test_what_the_server_writes_is_read(tensors, is_binary, number):
    if not is_binary:  # JSON has no word for what is not finite, nor for half precision
        tensors = {
            name: np.nan_to_num(tensor, posinf=1, neginf=-1)
            for name, tensor in tensors.items()
            if tensor.dtype != np.float16
        }
    parts, length = client.encode_infer_request(Prediction(ModelRef("m"), {"x": np.zeros(1)}))
    call = decode_infer_request(b"".join(parts), length, ModelRef("m"))
    object.__setattr__(call, "is_binary", is_binary)
    answer, head = encode_infer_response(Answer(ModelVersion("m", number), tensors), call)
    said, outputs = client.decode_infer_response(answer, head)
    assert said == str(number)
    assert outputs.keys() == tensors.keys()
    if is_binary:
        assert same(dict(outputs), tensors)
    else:
        assert all(np.array_equal(outputs[name], tensors[name]) for name in tensors)


@given(st.binary(max_size=64), st.none() | st.integers(-2, 70))
def test_any_bytes_are_an_answer_or_none(body, length):
    with contextlib.suppress(InvalidRequest):
        client.decode_infer_response(body, length)


ITEMS = st.fixed_dictionaries(
    {},
    optional={
        "name": st.just("s") | st.integers(),
        "datatype": st.sampled_from(["FP32", "BYTES", "X", 3]),
        "shape": st.lists(st.integers(-2, 4), max_size=3) | st.text(max_size=2),
        "data": st.lists(st.integers() | st.floats() | st.text(max_size=2), max_size=3),
        "parameters": st.none() | st.just({}) | st.just({"binary_data_size": 4}) | st.just([]),
    },
)


@given(st.lists(ITEMS, max_size=2), st.binary(max_size=8))
def test_any_json_is_an_answer_or_none(outputs, tail):
    head = json.dumps({"outputs": outputs}).encode()
    with contextlib.suppress(InvalidRequest):
        client.decode_infer_response(head + tail, len(head))


@pytest.mark.parametrize(
    ("datatype", "data"), [("INT64", [1.5, "7"]), ("BYTES", [None, "a"]), ("BOOL", ["false", True])]
)
def test_data_that_is_not_of_its_type_is_no_answer(datatype, data):
    output = {"name": "s", "datatype": datatype, "shape": [2], "data": data}
    head = json.dumps({"outputs": [output]}).encode()
    with pytest.raises(InvalidRequest):
        client.decode_infer_response(head, len(head))


@pytest.mark.parametrize("body", [b"", b"[]", b'{"error": 3}', b"\xff", b'"error"', b"[" * 100_000])
def test_a_refusal_without_words_has_none(body):
    assert client.decode_error(body) in ("", "3")


def test_a_model_is_asked_for_by_a_path():
    assert client.infer_path(ModelRef("numbers")) == "/v2/models/numbers/infer"
    assert client.infer_path(ModelRef("a b", 7)) == "/v2/models/a%20b/versions/7/infer"
