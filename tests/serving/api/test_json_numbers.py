"""Numbers read at once are those that are read one by one, and nothing else is."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from serving.api.json_numbers import open_numbers

ANY_NUMBER = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
DTYPES = [
    "float16", "float32", "float64", "int8", "int16", "int32", "int64",
    "uint8", "uint16", "uint32", "uint64",
]  # fmt: skip


def numbers(value, dtype: str = "float32", key: str = "instances", **others):
    body = json.dumps({**others, key: value}, indent=1).encode()
    return open_numbers(body).numbers(key, dtype)


@given(
    st.sampled_from(DTYPES).flatmap(
        lambda dtype: hnp.arrays(
            dtype,
            hnp.array_shapes(max_dims=5, max_side=4),
            elements={"allow_nan": False, "allow_infinity": False} if dtype[0] == "f" else None,
        )
    )
)
def test_an_array_is_read_as_it_was_written(array):
    found = numbers(array.tolist(), array.dtype.name)
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)


@given(st.recursive(ANY_NUMBER, lambda inner: st.lists(inner, max_size=3), max_leaves=12))
def test_lists_are_read_only_if_they_are_no_ragged_ones(value):
    found = numbers([value], "float64")
    try:
        array = np.array([value], np.float64)
    except ValueError:
        assert found is None
    else:
        # An empty list has no number to tell its depth by.
        assert (found is None) if array.size == 0 else np.array_equal(found, array)


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        ([1, True], "float32"),
        ([1, None], "float32"),
        ([1, "2"], "float32"),
        ([1, {"b64": ""}], "float32"),
        ([1, 1.5], "int64"),
        ([255, 256], "uint8"),
        ([0, -1], "uint64"),
        ([2**63], "int64"),
        ([[1, 2], [3], [4, 5, 6]], "float32"),
        ([[1], []], "float32"),
        ([[1], 2], "float32"),
        ([], "float32"),
        ([True], "bool"),
        (["a"], "bytes"),
        (5, "float32"),
        ("[1]", "float32"),
        ({"x": [1]}, "float32"),
    ],
)
def test_what_is_not_lists_of_such_numbers_is_left_to_the_caller(value, dtype):
    assert numbers(value, dtype) is None


def test_a_member_of_the_same_name_elsewhere_leaves_it_to_the_caller():
    assert numbers([[1, 2], [3]], other={"instances": [[1, 2], [3, 4]]}) is None
    assert numbers([1], other='"instances":[') is not None


def test_an_object_inside_is_read_like_the_whole():
    document = open_numbers(b'{"a": {"x": [[1], [2]], "y": [3, 4]}, "b": [5]}')
    inner = document.inside("a")
    assert inner.numbers("x", "int8").tolist() == [[1], [2]]
    assert inner.numbers("y", "float32").tolist() == [3, 4]
    assert document.inside("b") is None


def test_other_members_do_not_matter():
    assert numbers([1, 2], signature_name="[[,]]", e=[[1]]).tolist() == [1, 2]


@pytest.mark.parametrize(
    "body",
    [b"", b"[1]", b"5", b'{"a": NaN}', b'{"a": [1,]}', b'{"a": 1}x', b"{" * 2000, b'{"a": "\xff"}'],
)
def test_what_is_no_json_object_by_the_book_is_left_to_the_caller(body):
    assert open_numbers(body) is None


def test_a_member_that_is_text_is_told_from_one_that_is_not():
    document = open_numbers(b'{"a": "x", "b": 5}')
    assert (document.text("a"), document.text("b"), document.text("c")) == ("x", None, "")
    assert (document.has("a"), document.has("c")) == (True, False)
