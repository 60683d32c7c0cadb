"""Tensors as JSON text: TF Serving's notation, and every value back as it was."""

from __future__ import annotations

import base64
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from model_store.errors import InvalidRequest
from serving.api.tfs_json_text import encode_columns, encode_rows, number_texts

FLOATS = st.sampled_from(["float32", "float64"])
FLAT = FLOATS.flatmap(lambda dtype: hnp.arrays(dtype, st.integers(0, 6)))
SHAPES = hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=3)
NUMBERS = st.sampled_from(
    ["float16", "float32", "float64", "int8", "int16", "int32", "int64",
     "uint8", "uint16", "uint32", "uint64", "bool"]
).flatmap(lambda dtype: hnp.arrays(dtype, SHAPES))  # fmt: skip


def by_definition(value) -> str:
    """A number by the rule itself: ``%g``, widened until it reads back the same."""
    for digits in range(6, 18):
        text = f"{value:.{digits}g}"
        if type(value)(text) == value:
            break
    return text if "." in text or "e" in text else text + ".0"


@given(FLAT)
def test_a_finite_number_has_six_digits_or_as_many_as_read_back_the_same(numbers):
    finite = numbers[np.isfinite(numbers) & (np.abs(np.frexp(numbers)[0]) != 0.5)]
    assert [text.decode() for text in number_texts(finite)] == [by_definition(n) for n in finite]


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.2, "0.2"), (1, "1.0"), (0, "0.0"), (-0.0, "-0.0"), (9000000, "9e+06"), (3e-5, "3e-05"),
        (999999, "999999.0"), (1e6, "1e+06"), (1 / 3, "0.33333334"), (16777217, "16777216.0"),
        (1e-45, "1.4013e-45"), (3.4028235e38, "3.4028235e+38"), (0.0001, "0.0001"),
        (np.nan, "NaN"), (np.inf, "Infinity"), (-np.inf, "-Infinity"),
    ],
)  # fmt: skip
def test_a_float32_is_written_in_its_own_precision(number, text):
    assert encode_columns({"y": np.float32(number).reshape(())}) == b'{"outputs": %b}' % (
        text.encode()
    )


def test_a_float64_is_written_in_its_own_precision():
    assert encode_columns({"y": np.array([1 / 3])}) == b'{"outputs": [0.3333333333333333]}'


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_power_of_two_reads_back_too(dtype):
    powers = np.ldexp(dtype(1), np.arange(-149, 128))
    np.testing.assert_array_equal([dtype(text) for text in number_texts(powers)], powers)


@given(NUMBERS)
def test_a_tensor_reads_back_as_it_was(tensor):
    lists = json.loads(encode_columns({"y": tensor}))["outputs"]
    found = np.array(lists, tensor.dtype)
    np.testing.assert_array_equal(found, np.array(tensor.tolist(), tensor.dtype))


@given(NUMBERS)
def test_rows_are_the_tensor_itself_or_objects_of_several(tensor):
    one = json.loads(encode_rows({"y": tensor}))["predictions"]
    two = json.loads(encode_rows({"y": tensor, "z": tensor}))["predictions"]
    assert json.dumps(two) == json.dumps([{"y": row, "z": row} for row in one])


def test_several_outputs_are_an_object_in_columns():
    outputs = {"a": np.int64([1]), "b": np.float32([[0.5]])}
    assert encode_columns(outputs) == b'{"outputs": {"a": [1], "b": [[0.5]]}}'


def test_an_array_that_is_a_view_is_written_as_it_reads():
    tensor = np.arange(6, dtype=np.float32).reshape(2, 3).T
    assert json.loads(encode_columns({"y": tensor}))["outputs"] == tensor.tolist()


def test_bytes_are_base64_only_where_the_name_says_so():
    strings = np.array([b"h\xc3\xa9", b"\xff"], object)
    text = encode_rows({"y": strings})
    assert json.loads(text) == {"predictions": ["h\u00e9", "\ufffd"]}
    coded = json.loads(encode_rows({"y_bytes": strings}))["predictions"]
    assert [base64.b64decode(each["b64"]) for each in coded] == list(strings)


def test_rows_need_a_batch_axis_of_one_length():
    with pytest.raises(InvalidRequest, match="Tensor name: y has no shape information "):
        encode_rows({"y": np.float32(1).reshape(())})
    with pytest.raises(InvalidRequest, match="z has inconsistent batch size: 2 expecting: 1"):
        encode_rows({"y": np.zeros(1), "z": np.zeros(2)})
