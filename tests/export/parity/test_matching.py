"""Recognising a layer's output among a graph's tensors, whatever layout it has there."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from export.parity.matching import appearances, distance, is_telling, known
from export.parity.tolerance import LOOSE, STANDARD

FLOAT32 = STANDARD.of("float32")


def drawn(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def appears(want, tensor, tolerance=FLOAT32):
    return appearances(want, known({"t": tensor}), tolerance) == {"t"}


@given(
    st.lists(st.integers(1, 4), min_size=2, max_size=3), st.sampled_from(["first", "last", "same"])
)
def test_pictures_are_recognised_with_channels_first_or_last(sides, order):
    want = drawn(3, *sides, 5)
    moved = {"first": np.moveaxis(want, -1, 1), "last": np.moveaxis(want, 1, -1), "same": want}
    assert appears(want, moved[order])
    assert distance(want, moved[order]) == 0.0
    assert not appears(want, moved[order] + np.float32(0.1))


def test_series_are_recognised_with_time_first():
    want = drawn(2, 6, 10)
    assert appears(want, want.transpose(1, 0, 2))
    assert appears(want, want.transpose(1, 0, 2)[:, None])


@pytest.mark.parametrize("shape", [(2, 36), (72,), (1, 2, 36), (2, 3, 12, 1), (2, 1, 3, 12)])
def test_axes_that_were_joined_split_or_dropped_change_nothing(shape):
    want = drawn(2, 3, 12)
    assert appears(want, want.reshape(shape))


def test_other_numbers_of_the_same_kind_are_not_taken_for_it():
    want = drawn(2, 6, 10)
    assert not appears(want, drawn(2, 6, 10, seed=1))
    assert not appears(want, np.sort(want, axis=None).reshape(want.shape))
    assert distance(want, drawn(7)) == np.inf


def test_small_numbers_do_not_all_look_alike():
    want, other = drawn(2, 6) * np.float32(1e-7), drawn(2, 6, seed=1) * np.float32(1e-7)
    assert appears(want, want * np.float32(1.00001))
    assert not appears(want, other)


def test_rounding_in_proportion_to_the_largest_number_is_allowed():
    want = drawn(2, 600) * np.float32(1000)
    assert appears(want, want + np.float32(1e-3))
    assert not appears(want, want + np.float32(1))


def test_a_quantised_tensor_is_recognised_loosely():
    want = drawn(2, 600)
    steps = np.round(want * 20) / np.float32(20)
    assert appears(want, steps, LOOSE.of("float32"))
    assert not appears(want, steps)


@pytest.mark.parametrize(
    ("tensor", "says"),
    [
        (np.zeros((2, 3)), False), (np.ones(()), False), (np.zeros((0, 2)), False),
        (np.array(["a", "b"]), False), (np.array([1, 2]), True), (np.array([True, False]), True),
    ],
    ids=["zeros", "scalar", "empty", "strings", "integers", "booleans"],
)  # fmt: skip
def test_only_numbers_that_differ_can_be_recognised(tensor, says):
    assert is_telling(tensor) is says
