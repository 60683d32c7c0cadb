"""Tensor specs, signatures and servables as data."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_store.errors import TensorMismatch
from model_store.spec import ModelVersion, Signature, TensorSpec

IMAGE = TensorSpec("image", "uint8", (None, 28, 28, 1))
SCORES = TensorSpec("scores", "float32", (None, 10))


def test_a_spec_reads_as_it_is_written_in_the_documents():
    assert str(IMAGE) == "image: uint8[N, 28, 28, 1]"
    assert str(TensorSpec("x", "float32", ())) == "x: float32[]"


@pytest.mark.parametrize("rows", [0, 1, 7, 10**9])
def test_the_free_axis_takes_any_length(rows):
    IMAGE.check("uint8", (rows, 28, 28, 1))


@pytest.mark.parametrize(
    ("dtype", "shape"),
    [
        ("float32", (1, 28, 28, 1)),
        ("uint8", (1, 28, 28)),
        ("uint8", (1, 28, 28, 1, 1)),
        ("uint8", (1, 28, 28, 3)),
        ("uint8", (1, 27, 28, 1)),
        ("uint8", ()),
    ],
)
def test_another_dtype_rank_or_axis_is_a_mismatch_that_names_both_sides(dtype, shape):
    with pytest.raises(TensorMismatch) as caught:
        IMAGE.check(dtype, shape)
    assert str(IMAGE) in str(caught.value)
    assert f"{dtype}{list(shape)}" in str(caught.value)


@given(st.lists(st.integers(0, 9), max_size=5))
def test_a_spec_without_free_axes_fits_its_own_shape_and_no_other(shape):
    spec = TensorSpec("x", "float32", tuple(shape))
    assert spec.fits(tuple(shape))
    assert not spec.fits((*shape, 1))
    assert not spec.fits(tuple(axis + 1 for axis in shape)) or not shape


def test_a_signature_is_batched_when_every_tensor_begins_with_a_free_axis():
    fixed = TensorSpec("scores", "float32", (1, 10))
    assert Signature((IMAGE,), (SCORES,)).is_batched
    assert not Signature((IMAGE,), (fixed,)).is_batched
    assert not Signature((IMAGE, TensorSpec("scalar", "float32", ())), (SCORES,)).is_batched


def test_rows_that_see_each_other_may_not_join():
    assert Signature((IMAGE,), (SCORES,)).may_join
    assert not Signature((IMAGE,), (SCORES,), is_row_wise=False).may_join


def test_servables_sort_by_name_and_then_by_number_and_read_as_a_path():
    two, ten = ModelVersion("numbers", 2), ModelVersion("numbers", 10)
    assert sorted([ten, two, ModelVersion("cats", 11)])[1:] == [two, ten]
    assert str(ten) == "numbers/10"


@given(st.lists(st.integers(0, 9), max_size=5))
def test_a_spec_of_unknown_rank_fits_any_shape_and_is_not_batched(shape):
    spec = TensorSpec("x", "float32", None)
    assert spec.fits(tuple(shape))
    assert str(spec) == "x: float32[...]"
    assert not Signature((spec,), (SCORES,)).is_batched
