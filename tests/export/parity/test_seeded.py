"""Drawn inputs: they fit every signature, equal seeds are equal, and values stay modest."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from export.parity.seeded import LENGTHS, SIDES, Draw, seeded
from export.parity.trials import check_samples
from model_store.errors import ExportRefused
from model_store.spec import Signature, TensorSpec

DTYPES = (
    "float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16",
    "uint32", "uint64", "bool", "bytes", "bfloat16",
)  # fmt: skip


def groups(signature, draw=None):
    return list(seeded(signature, draw).tries())


def one(dtype, shape=(None, 4), **more):
    signature = Signature((TensorSpec("x", dtype, shape),), ())
    return groups(signature, Draw(**more))[0].inputs["x"]


@st.composite
def signatures(draw):
    axes = st.none() | st.integers(1, 4)
    rest = st.lists(axes, max_size=3).map(tuple)
    first = draw(st.sampled_from([None, 2]))
    shape = st.none() | rest.map(lambda axes: (first, *axes))
    specs = draw(st.lists(st.tuples(st.sampled_from(DTYPES), shape), min_size=1, max_size=3))
    return Signature(tuple(TensorSpec(f"in{at}", *spec) for at, spec in enumerate(specs)), ())


@given(signatures(), st.integers(0, 5))
def test_what_is_drawn_fits_the_signature(signature, seed):
    trials = seeded(signature, Draw(seed=seed, max_batch=4, lengths=(2, 3)))
    assert trials.seed == seed
    for group in trials.tries():
        check_samples(group.inputs, signature)
        assert set(group.batches) in ({1, 2, 4}, set())


@given(st.sampled_from(DTYPES), st.integers(0, 2**32))
def test_equal_seeds_draw_equal_inputs(dtype, seed):
    assert np.array_equal(one(dtype, seed=seed), one(dtype, seed=seed))


def test_other_seeds_and_other_tries_draw_other_inputs():
    assert not np.array_equal(one("float32", seed=1), one("float32", seed=2))
    first, second, *_ = groups(Signature((TensorSpec("x", "float32", (2, 2)),), ()))
    assert not np.array_equal(first.inputs["x"], second.inputs["x"])


def test_pictures_use_every_byte_and_integers_stay_small():
    assert {0, 255} <= set(np.unique(one("uint8", (None, 28, 28, 1))))
    assert set(np.unique(one("int64", (None, 20)))) == set(range(8))
    assert set(np.unique(one("bool"))) == {False, True}


def test_floats_are_modest_with_both_zeros_among_them():
    drawn = one("float32", (None, 50))
    assert 1.5 < np.abs(drawn).max() < 6
    zeros = drawn[drawn == 0]
    assert {bool(sign) for sign in np.signbit(zeros)} == {False, True}
    assert ((drawn[1] >= 0) & (drawn[1] <= 1)).all()


def test_strings_come_from_the_words():
    assert set(one("bytes", words=(b"a", b"bc")).flat) == {b"a", b"bc"}


@pytest.mark.parametrize(("dtype", "low", "high"), [("int32", 2, 3), ("float32", 100, 255)])
def test_a_range_of_the_authors_choice_is_kept(dtype, low, high):
    signature = Signature((TensorSpec("x", dtype, (None, 40)),), ())
    for group in groups(signature, Draw(ranges={"x": (low, high)})):
        drawn = group.inputs["x"]
        assert low <= drawn.min() < drawn.max() <= high


def test_pictures_of_any_size_get_sides_and_texts_get_lengths():
    pictures = Signature((TensorSpec("x", "float32", (None, None, None, 3)),), ())
    sides = groups(pictures, Draw(max_batch=1))
    assert sides[0].inputs["x"].shape == (1, SIDES[0], SIDES[0], 3)
    other = [group.inputs["x"].shape[1:3] for group in sides]
    assert any(height != width for height, width in other)
    texts = groups(Signature((TensorSpec("x", "int64", (None, None)),), ()))
    assert [group.inputs["x"].shape[1] for group in texts[:3]] == list(LENGTHS[:3])


def test_the_authors_lengths_are_all_tried():
    signature = Signature((TensorSpec("x", "int64", (None, None)),), ())
    trials = seeded(signature, Draw(lengths=(9, 4)))
    assert trials.wanted == 2
    assert [group.case for group in trials.tries()][:2] == ["x[1]=9", "x[1]=4"]


def test_integers_are_drawn_smaller_when_they_are_refused():
    signature = Signature((TensorSpec("x", "int64", (None, 40)),), ())
    assert [int(group.inputs["x"].max()) for group in groups(signature)] == [7, 1, 0]


def test_a_dtype_that_nothing_can_be_drawn_for_asks_for_samples():
    with pytest.raises(ExportRefused, match="x: float4.*give --samples"):
        seeded(Signature((TensorSpec("x", "float4", (None,)),), ()))
