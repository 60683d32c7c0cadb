"""TF Serving's REST requests: both forms, every leniency, and every complaint."""

from __future__ import annotations

import base64
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from model_store.errors import InvalidRequest
from model_store.spec import Signature, TensorSpec
from serving.api.tfs_json import decode_predict, signature_name


def signature(**inputs: str) -> Signature:
    return Signature(tuple(TensorSpec(name, dtype, (None,)) for name, dtype in inputs.items()), ())


X = signature(x="float32")
TWO = signature(a="int64", b="bytes")
DTYPES = [
    "float16", "float32", "float64", "int8", "int16", "int32", "int64",
    "uint8", "uint16", "uint32", "uint64", "bool", "bytes",
]  # fmt: skip


def read(body, wanted=X):
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return decode_predict(text, lambda _: wanted).tensors


def complaint(body, wanted=X) -> str:
    with pytest.raises(InvalidRequest) as raised:
        read(body, wanted)
    return str(raised.value)


# --- what is understood --------------------------------------------------------------


@pytest.mark.parametrize("key", ["instances", "inputs"])
@given(
    tensor=st.sampled_from(DTYPES[:-1]).flatmap(
        lambda dtype: hnp.arrays(dtype, hnp.array_shapes(max_dims=4, max_side=3))
    )
)
def test_a_tensor_survives_json(key, tensor):
    found = read({key: tensor.tolist()}, signature(x=tensor.dtype.name))["x"]
    assert found.dtype == tensor.dtype
    np.testing.assert_array_equal(found, tensor)


@given(hnp.arrays(object, hnp.array_shapes(max_dims=2, max_side=3), elements=st.binary()))
def test_bytes_survive_base64(tensor):
    def coded(value):
        if isinstance(value, list):
            return [coded(item) for item in value]
        return {"b64": base64.b64encode(value).decode()}

    body = {"instances": coded(tensor.tolist())}
    np.testing.assert_array_equal(read(body, signature(x="bytes"))["x"], tensor)


def test_text_is_utf8():
    found = read({"instances": ["h\u00e9", "\U0001f600"]}, signature(x="bytes"))["x"]
    assert found.tolist() == ["h\u00e9".encode(), "\U0001f600".encode()]


def test_several_inputs_are_objects_by_row_and_one_object_by_column():
    by_row = {"instances": [{"a": 1, "b": "p"}, {"b": {"b64": "cQ"}, "a": 2}]}
    by_column = {"inputs": {"a": [1, 2], "b": ["p", "q"], "unknown": None}}
    for body in (by_row, by_column):
        found = read(body, TWO)
        assert (found["a"].tolist(), found["b"].tolist()) == ([1, 2], [b"p", b"q"])


@given(hnp.arrays(np.int64, (3,)), hnp.arrays(np.float32, hnp.array_shapes(max_side=3)))
def test_several_columns_of_numbers_survive_json(a, x1):
    wanted = signature(a="int64", x1="float32")
    body = {"inputs": {"x1": x1.tolist(), "a": a.tolist(), "other": [[1], 2]}}
    found = read(body, wanted)
    np.testing.assert_array_equal(found["a"], a)
    np.testing.assert_array_equal(found["x1"], x1)


def test_one_input_may_be_named_too():
    assert read({"instances": [{"x": [1, 2]}]})["x"].tolist() == [[1, 2]]
    assert read({"inputs": {"x": [1, 2]}})["x"].tolist() == [1, 2]


def test_a_column_may_be_a_scalar():
    assert read({"inputs": 5})["x"].shape == ()
    assert read({"inputs": {"b64": "aGk="}}, signature(x="bytes"))["x"].item() == b"hi"


@pytest.mark.parametrize(
    "body",
    [
        b'{"instances": [1, 2]}}}garbage\xff'.replace(b"\xff", b"!"),
        b'\xef\xbb\xbf{"instances": [1, 2]}',
        b' \r\n\t{"instances": [1, 2]} ',
        b'{"instances": [1, 2], "other": {"deep": [null]}}',
        b'{"instances": [1, 2.0], "other": NaN}',
    ],
)
def test_what_the_protocol_does_not_ask_for_is_passed_over(body):
    assert read(body)["x"].tolist() == [1, 2]


def test_nan_and_infinity_are_numbers():
    found = read(b'{"instances": [NaN, Infinity, -Infinity]}')["x"]
    np.testing.assert_array_equal(found, np.float32([np.nan, np.inf, -np.inf]))


def test_a_number_too_large_for_float32_is_infinite_and_one_too_small_is_zero():
    found = read({"instances": [1e308, -1e308, 1e-308, 2**70]})["x"]
    np.testing.assert_array_equal(found, np.float32([np.inf, -np.inf, 0, 2.0**70]))


@pytest.mark.parametrize("instances", [[], [[], []], [[[]]]])
def test_lists_may_be_empty(instances):
    assert read({"instances": instances})["x"].shape == np.array(instances).shape


def test_base64_may_lack_padding_and_hold_line_breaks():
    found = read({"instances": [{"b64": "aGVs\nbG8"}]}, signature(x="bytes"))["x"]
    assert found.tolist() == [b"hello"]


def test_the_signature_is_named_or_not():
    assert signature_name({"signature_name": "other"}) == "other"
    assert signature_name({}) == ""


# --- what is not, and why ------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "JSON Parse error: The document is empty"),
        (b" \n ", "JSON Parse error: The document is empty. at offset: 3"),
        (b"{", "JSON Parse error: Missing a name for object member. at offset: 1"),
        (b'{"instances" [1]}',
         "JSON Parse error: Missing a colon after a name of object member. at offset: 13"),
        (b'{"instances": ?}', "JSON Parse error: Invalid value. at offset: 14"),
        (b' {"instances": ?}', "JSON Parse error: Invalid value. at offset: 15"),
        (b'{"instances": ["\xff"]}',
         "JSON Parse error: Invalid encoding in string. at offset: 16"),
        (b'{"instances": ["\\ud800"]}',
         "JSON Parse error: The surrogate pair in string is invalid."),
        (b'{"instances": ' + b"9" * 5000 + b"}",
         "JSON Parse error: Number too big to be stored in double."),
        (b"[1]", "JSON Value: [1] Is not object"),
        ({}, "Missing 'inputs' or 'instances' key"),
        ({"instances": [1], "inputs": [1]},
         'JSON Value: {"instances": [1], "inputs": [1]} Not formatted correctly expecting only '
         "one of 'inputs' or 'instances' keys to exist "),
        ({"instances": 5},
         "JSON Value: {\"instances\": 5} Expecting 'instances' to be an list/array"),
        ({"instances": [1, "a"]},
         "Failed to process element: 1 of 'instances' list. Error: INVALID_ARGUMENT: "
         'JSON Value: "a" Type: String is not of expected type: float'),
        ({"instances": [1, None]},
         "Failed to process element: 1 of 'instances' list. Error: INVALID_ARGUMENT: "
         "JSON Value: null Type: Null is not of expected type: float"),
        ({"instances": [True]},
         "Failed to process element: 0 of 'instances' list. Error: INVALID_ARGUMENT: "
         "JSON Value: true Type: True is not of expected type: float"),
        ({"instances": [[1, 2], [3]]},
         "Failed to process element: 1 of 'instances' list. Error: INVALID_ARGUMENT: "
         "Expecting tensor size: 2 but got: 1"),
        ({"instances": [[1, 2], [[3, 4]]]},
         "Failed to process element: 1 of 'instances' list. Error: INVALID_ARGUMENT: "
         "Expecting shape [2] but got: [1,2]"),
        ({"instances": [[[1, 2], [3]]]},
         "Failed to process element: 0 of 'instances' list. Error: INVALID_ARGUMENT: "
         "Encountered list at unexpected size: 1 at level: 1 expected size: 2"),
        ({"instances": [1, {"x": 2}]},
         "Expecting value/list but got object at item 1 of input list"),
        ({"instances": [{"x": 2}, 1]},
         "Expecting object but got list at item 1 of input list"),
        ({"instances": [{"y": 2}]},
         "Failed to process element: 0 key: y of 'instances' list. Error: INVALID_ARGUMENT: "
         "JSON object: does not have named input: y"),
        ({"inputs": {"y": 1}}, "Missing named input: x in 'inputs' object."),
        ({"inputs": [[1], 2]},
         "JSON Value: 2 found at incorrect level: 2 in the JSON DOM. Expected at level: 2"),
        ({"inputs": [1, [2]]}, "Encountered list at unexpected level: 1 expected < 1"),
        ({"inputs": [[1], [2, 3]]},
         "Encountered list at unexpected size: 2 at level: 1 expected size: 1"),
        ({"inputs": [{"x": 1}]},
         'JSON Value: {"x": 1} Type: Object is not of expected type: float'),
    ],
)  # fmt: skip
def test_a_request_that_cannot_be_read_is_told_why(body, text):
    assert complaint(body) == text


@pytest.mark.parametrize(
    ("dtype", "value", "kind"),
    [
        ("uint8", 256, "uint8"), ("uint8", -1, "uint8"), ("int8", 128, "int8"),
        ("int32", 2**31, "int32"), ("int64", 2**63, "int64"), ("uint64", -1, "uint64"),
        ("int32", 1.0, "int32"), ("float64", "1", "double"), ("float16", "1", "half"),
        ("bool", 1, "bool"), ("bytes", 1, "string"),
    ],
)  # fmt: skip
def test_a_number_that_does_not_fit_is_refused_and_not_wrapped_round(dtype, value, kind):
    assert complaint({"inputs": [value]}, signature(x=dtype)).endswith(
        f"is not of expected type: {kind}"
    )


def test_several_inputs_are_all_needed_by_name():
    assert complaint({"instances": [1]}, TWO).startswith("instances is a plain list, but")
    assert complaint({"inputs": [1]}, TWO).startswith("inputs is a plain value/list, but")
    assert complaint({"instances": [{"a": 1}]}, TWO) == (
        "Failed to process element: 0 of 'instances' list. "
        'JSON object: {"a": 1} keys must be equal to: a,b'
    )
    assert complaint({"instances": [{"a": 1.5, "b": "x"}]}, TWO) == (
        "Failed to process element: 0 key: a of 'instances' list. Error: INVALID_ARGUMENT: "
        "JSON Value: 1.5 Type: Number is not of expected type: int64"
    )


def test_base64_that_is_none_is_refused():
    for text in ("a", "a=b", "\u00e9\u00e9\u00e9\u00e9", "*"):
        message = complaint({"inputs": [{"b64": text}]}, signature(x="bytes"))
        assert message == "Unable to base64 decode"
    message = complaint({"inputs": [{"b64": 5}]}, signature(x="bytes"))
    assert message == 'JSON Value: {"b64": 5} not formatted correctly for base64 data'


@pytest.mark.parametrize("place", [0, 1, 6, 99_999])
def test_the_value_that_is_wrong_is_found_among_many(place):
    values: list[object] = [0.5] * 100_000
    values[place] = "x"
    assert complaint({"inputs": values}).startswith('JSON Value: "x" Type: String')
    text = f"Failed to process element: {place} of 'instances' list."
    assert complaint({"instances": values}).startswith(text)
    rows: list[object] = [[0.5, 1]] * 100_000
    rows[place] = [0.5, None]
    assert complaint({"instances": rows}).startswith(text)
    assert complaint({"inputs": rows}).startswith("JSON Value: null Type: Null")


def test_a_signature_name_that_is_none_is_refused():
    with pytest.raises(InvalidRequest, match="'signature_name' key must be a string value"):
        signature_name({"signature_name": 5})


def test_a_long_value_is_cut_in_the_message():
    text = complaint({"instances": {str(number): number for number in range(10_000)}})
    assert len(text) < 400


@pytest.mark.parametrize("depth", [65, 70, 900, 100_000])
@pytest.mark.parametrize("key", ["instances", "inputs", "signature_name"])
def test_lists_that_are_nested_without_end_are_refused(depth, key):
    body = b'{"%b": %b%b}' % (key.encode(), b"[" * depth, b"]" * depth)
    with pytest.raises(InvalidRequest):
        read(body)
