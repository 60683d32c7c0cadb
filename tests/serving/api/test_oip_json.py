"""Tensors as JSON: the numbers that come back, and everything that ``data`` may not be."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from model_store.errors import InvalidRequest
from serving.api.json_text import dump_json, parse_json
from serving.api.oip_json import decode_data, encode_data
from serving.api.oip_tensors import DATATYPES, NUMPY
from tests.serving.api.test_tfs import ARRAYS

IN_JSON = ARRAYS.filter(lambda array: array.dtype != np.float16)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)


def decode(data, datatype: str, elements: int) -> np.ndarray:
    return decode_data(data, datatype, NUMPY[datatype], elements, "input 'x'")


def there_and_back(array: np.ndarray, *, nested: bool) -> np.ndarray:
    datatype = DATATYPES[array.dtype.name]
    flat, is_finite = encode_data(array, datatype, "x")
    data = parse_json(dump_json(flat, is_finite=is_finite))
    if nested and array.ndim and array.size:
        data = parse_json(json.dumps(array.tolist()).encode())
    return decode(data, datatype, array.size).reshape(array.shape)


@given(IN_JSON, st.booleans())
def test_a_tensor_comes_back_from_json_as_it_was(array, nested):
    back = there_and_back(array, nested=nested)
    assert back.dtype == array.dtype
    np.testing.assert_array_equal(back, array)


@given(hnp.arrays(object, hnp.array_shapes(min_dims=0, max_dims=2, max_side=3), elements=TEXTS))
def test_text_comes_back_as_utf_8(texts):
    encoded = np.empty(texts.size, object)
    encoded[:] = [text.encode() for text in texts.ravel().tolist()]
    flat, is_finite = encode_data(encoded, "BYTES", "x")
    assert is_finite
    np.testing.assert_array_equal(decode(parse_json(dump_json(flat)), "BYTES", texts.size), encoded)
    if texts.ndim:
        np.testing.assert_array_equal(decode(texts.tolist(), "BYTES", texts.size), encoded)


def test_floats_are_written_in_the_shortest_form_of_their_own_width():
    flat, _ = encode_data(np.float32([0.1, 1, -2.5]), "FP32", "x")
    assert dump_json(flat) == b"[0.1,1.0,-2.5]"


def test_nan_and_infinity_are_numbers_both_ways():
    flat, is_finite = encode_data(np.float32([math.nan, math.inf, -math.inf]), "FP32", "x")
    text = dump_json({"data": flat}, is_finite=is_finite)
    assert text == b'{"data":[NaN,Infinity,-Infinity]}'
    np.testing.assert_array_equal(decode(parse_json(text)["data"], "FP32", 3), flat)


@pytest.mark.parametrize(
    ("data", "datatype", "elements", "words"),
    [
        ([1.5], "INT32", 1, "nothing but INT32"),
        ([True], "INT32", 1, "nothing but INT32"),
        (["7"], "INT32", 1, "nothing but INT32"),
        (["7"], "FP32", 1, "nothing but FP32"),
        ([None], "FP32", 1, "nothing but FP32"),
        ([{}], "FP32", 1, "nothing but FP32"),
        ([1], "BOOL", 1, "nothing but true and false"),
        ([0.0], "BOOL", 1, "nothing but true and false"),
        ([-1], "UINT8", 1, "does not fit UINT8"),
        ([256], "UINT8", 1, "does not fit UINT8"),
        ([2**64], "UINT64", 1, "does not fit UINT64"),
        ([2**63], "INT64", 1, "does not fit INT64"),
        ([1e300], "FP32", 1, "does not fit FP32"),
        ([[1], 2, 3], "FP32", 3, "lists beside elements"),
        ([1, [2], 3], "FP32", 3, "nothing but FP32"),
        ([10**400], "FP64", 1, "does not fit FP64"),
        ([1, 2], "FP32", 3, "expected 3 elements, got 2"),
        ([1, 2, 3, 4], "FP32", 3, "expected 3 elements, got 4"),
        ([], "FP32", 1, "expected 1 elements, got 0"),
        ([[]], "BYTES", 1, "expected 1 elements, got 0"),
        ("text", "BYTES", 1, "must be a list"),
        (None, "FP32", 1, "must be a list"),
        (7, "FP32", 1, "must be a list"),
        ([1], "BYTES", 1, "nothing but strings"),
        (["\ud800"], "BYTES", 1, "surrogate"),
        ([1.0], "FP16", 1, "binary data only"),
    ],
)
def test_data_that_is_not_the_tensor_is_refused_with_the_reason(data, datatype, elements, words):
    with pytest.raises(InvalidRequest, match=words):
        decode(data, datatype, elements)


def test_integers_and_infinities_are_floats_too():
    np.testing.assert_array_equal(decode([1, 2], "FP32", 2), np.float32([1, 2]))
    np.testing.assert_array_equal(decode([[1, math.inf]], "FP32", 2), np.float32([1, math.inf]))
    np.testing.assert_array_equal(decode([[True], [False]], "BOOL", 2), [True, False])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
)  # fmt: skip


@given(JSON, st.sampled_from(sorted(NUMPY)), st.integers(0, 4))
def test_any_data_is_a_tensor_or_refused(data, datatype, elements):
    try:
        tensor = decode(data, datatype, elements)
    except InvalidRequest:
        return
    assert (tensor.dtype, tensor.shape) == (NUMPY[datatype], (elements,))


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b'{"a":1} more', b"nan", b'{"a":NaNN}', b"[" * 5000 + b"NaN", b"\xff",
     b"[NaN," + b"9" * 5000 + b"]"],
)  # fmt: skip
def test_what_is_not_json_is_refused(text):
    with pytest.raises(InvalidRequest, match="failed to parse the request JSON buffer"):
        parse_json(text)


def test_outputs_that_json_cannot_hold_are_to_be_asked_for_in_binary():
    with pytest.raises(InvalidRequest, match="FP16, which JSON does not hold"):
        encode_data(np.float16([1]), "FP16", "y")
    broken = np.empty(1, object)
    broken[0] = b"\xff"
    with pytest.raises(InvalidRequest, match="not UTF-8; ask for binary_data"):
        encode_data(broken, "BYTES", "y")
