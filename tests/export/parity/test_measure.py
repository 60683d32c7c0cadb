"""Comparing one output: what agrees, what does not, and that no element or row is hidden."""

from __future__ import annotations

from math import inf, nan

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from export.parity.measure import compare_output, merge
from export.parity.tolerance import EXACT, LOOSE, STANDARD, Tolerance, everywhere

HUNDREDTH = Tolerance(rtol=0.0, atol=0.01)


def compared(want, got, tolerance=HUNDREDTH, batch=1):
    return compare_output("y", np.float32(want), np.float32(got), everywhere(tolerance), batch)


def test_equal_outputs_agree_in_every_number():
    found = compared([[0.1, 0.9]], [[0.1, 0.9]], EXACT)
    assert found.passed
    assert (found.rows, found.elements, found.beyond) == (1, 2, 0)
    assert (found.max_abs_error, found.max_rel_error, found.top1_agreement) == (0.0, 0.0, 1.0)
    assert found.cosine_min == found.cosine_mean == pytest.approx(1.0)


def test_a_difference_within_the_tolerance_agrees_and_is_reported():
    found = compared([[0.1, 0.9]], [[0.1, 0.905]])
    assert found.passed
    assert found.max_abs_error == pytest.approx(0.005, rel=1e-4)
    assert found.max_rel_error == pytest.approx(0.005 / 0.9, rel=1e-4)


@pytest.mark.parametrize("at", range(4))
def test_one_element_beyond_the_tolerance_is_enough(at):
    got = np.zeros((2, 2), np.float32)
    got.flat[at] = 0.02
    found = compared(np.zeros((2, 2)), got)
    assert found.beyond == 1
    assert not found.passed
    assert found.max_abs_error == pytest.approx(0.02)


def test_the_relative_tolerance_grows_with_the_wanted_value():
    tolerance = Tolerance(rtol=0.1, atol=0.0)
    assert compared([100.0], [109.0], tolerance).passed
    assert not compared([1.0], [1.2], tolerance).passed
    # of the wanted, not of the found: 0.1 * 10.5 would be enough
    assert not compared([9.5], [10.5], tolerance).passed


def test_values_too_small_for_the_absolute_tolerance_have_no_relative_error():
    assert compared([0.005, 1.0], [0.009, 1.001]).max_rel_error == pytest.approx(0.001, rel=1e-3)


def test_beside_a_large_number_a_small_one_may_be_off_by_its_rounding():
    want, got = [[60.0, 0.01]], [[60.0, 0.0102]]
    assert compared(want, got, Tolerance(0.0, 1e-5, span=5e-6)).passed
    assert not compared(want, got, Tolerance(0.0, 1e-5)).passed
    # and only in its own row
    rows = [[60.0, 0.0], [0.9, 0.01]], [[60.0, 0.0], [0.9, 0.0102]]
    assert not compared(*rows, Tolerance(0.0, 1e-5, span=5e-6)).passed


@pytest.mark.parametrize(("want", "got"), [(nan, 0.0), (0.0, nan), (inf, nan), (nan, inf)])
def test_nan_against_a_number_never_agrees(want, got):
    found = compared([want], [got], Tolerance(rtol=1e6, atol=1e6))
    assert not found.passed
    assert found.max_abs_error == inf
    assert (found.nan_source, found.nan_exported) == (int(want != want), int(got != got))


def test_nan_in_the_same_places_agrees_and_is_counted():
    found = compared([nan, 1.0, nan], [nan, 1.0, nan], EXACT)
    assert found.passed
    assert (found.nan_source, found.nan_exported, found.max_abs_error) == (2, 2, 0.0)
    assert not compared([nan, 1.0], [1.0, nan]).passed


def test_equal_infinities_agree_are_counted_and_are_no_difference():
    found = compared([inf, -inf, 1.0], [inf, -inf, 1.0], EXACT)
    assert found.passed
    assert (found.infinite, found.max_abs_error) == (2, 0.0)


@pytest.mark.parametrize(("want", "got"), [(inf, -inf), (inf, 1e30), (1e30, inf), (-inf, 0.0)])
def test_an_infinity_agrees_with_nothing_else(want, got):
    found = compared([want], [got], Tolerance(rtol=0.5, atol=1e9))
    assert not found.passed
    assert found.max_abs_error == inf


@pytest.mark.parametrize(
    ("want", "got", "why"),
    [
        (np.zeros((2, 3), np.float32), np.zeros((2, 3)), r"float32[2, 3], the export float64"),
        (np.zeros((2, 3)), np.zeros((3, 2)), r"float64[2, 3], the export float64[3, 2]"),
        (np.zeros((2, 3)), np.zeros((1, 3)), r"float64[2, 3], the export float64[1, 3]"),
        (np.zeros((2, 1)), np.zeros(2), r"float64[2, 1], the export float64[2]"),
        (np.zeros((2, 3)), None, "the exported model has no such output"),
        (None, np.zeros((2, 3)), "the source model has no such output"),
    ],
    ids=["dtype", "transposed", "broadcastable", "squeezed", "missing", "extra"],
)
def test_another_dtype_or_shape_or_none_at_all_never_agrees_and_says_why(want, got, why):
    found = compare_output("y", want, got, everywhere(Tolerance(rtol=1e9, atol=1e9)), 1)
    assert not found.passed
    assert why in found.mismatch
    assert (found.rows, found.max_abs_error, found.top1_agreement) == (0, inf, None)


def test_another_winner_fails_even_within_the_tolerance():
    found = compared([[0.500, 0.501], [0.9, 0.1]], [[0.502, 0.501], [0.9, 0.1]])
    assert found.beyond == 0
    assert found.top1_agreement == 0.5
    assert not found.passed


def test_winners_that_the_source_itself_cannot_tell_apart_are_no_disagreement():
    found = compared([[0.5, 0.500001, 0.2]], [[0.500001, 0.5, 0.2]])
    assert found.top1_agreement == 1.0
    assert compared([[1.0, 1.0]], [[0.999, 1.0]]).top1_agreement == 1.0


def test_of_the_five_highest_the_share_that_the_source_has_among_its_own_is_told():
    want = np.arange(10, dtype=np.float32)[None]
    got = want.copy()
    got[0, [0, 9]] = got[0, [9, 0]]
    found = compared(want, got, Tolerance(atol=100.0))
    assert (found.top1_agreement, found.top5_agreement) == (0.0, 0.8)
    assert compared(want[:, :5], want[:, :5]).top5_agreement is None


@pytest.mark.parametrize("shape", [(3,), (3, 0), (2, 3, 4), (0, 4)])
def test_only_rows_of_scores_have_a_winner(shape):
    zeros = np.zeros(shape, np.float32)
    assert compare_output("y", zeros, zeros, STANDARD, 1).top1_agreement is None


def test_a_score_that_is_nan_wins_nothing():
    assert compared([[nan, 0.1, 0.9]], [[nan, 0.1, 0.9]]).top1_agreement == 1.0
    assert compared([[0.8, 0.1, 0.9]], [[0.8, 0.1, nan]]).top1_agreement == 0.0


def test_the_angle_between_rows_is_told_for_the_worst_and_on_average():
    found = compared([[1.0, 0.0], [0.0, 2.0]], [[1.0, 0.0], [2.0, 0.0]])
    assert found.cosine_min == pytest.approx(0.0, abs=1e-12)
    assert found.cosine_mean == pytest.approx(0.5)
    assert compared([[0.0, 0.0]], [[0.0, 0.0]]).cosine_min == 1.0
    assert compared([[0.0, 0.0]], [[1.0, 0.0]]).cosine_min == 0.0
    assert compared([[nan, 0.0]], [[nan, 0.0]]).cosine_min is None


def test_without_a_batch_axis_the_whole_output_is_one_row():
    found = compared([[1.0, 2.0], [3.0, 4.0]], [[1.0, 2.0], [3.0, 4.0]], batch=None)
    assert (found.rows, found.elements, found.batch) == (1, 4, None)
    assert compared(3.0, 3.0, batch=None).passed


@pytest.mark.parametrize("dtype", ["int64", "uint8", "bool", "int32"])
def test_whole_numbers_are_equal_or_they_are_not(dtype):
    want = np.array([[1, 0, 1]], dtype)
    found = compare_output("y", want, 1 - want if dtype != "bool" else ~want, STANDARD, 1)
    assert (found.passed, found.beyond, found.max_abs_error) == (False, 3, 1.0)
    assert found.top1_agreement is None
    assert compare_output("y", want, want.copy(), STANDARD, 1).passed


def test_integers_beyond_float64_are_compared_to_the_last():
    want = np.array([2**53, 2**60], np.int64)
    found = compare_output("y", want, want + 1, STANDARD, 1)
    assert (found.beyond, found.max_abs_error) == (2, 1.0)


def test_strings_are_compared_whatever_array_they_come_in():
    want = np.array([b"cat", "새".encode()])
    assert compare_output("y", want, np.array(["cat", "새"], object), STANDARD, 1).passed
    found = compare_output("y", want, np.array([b"cat", b"bird"]), STANDARD, 1)
    assert (found.dtype, found.beyond, found.max_abs_error) == ("bytes", 1, inf)
    assert found.cosine_min is None


@pytest.mark.parametrize(
    ("dtype", "near", "far"),
    [
        (np.float64, 1e-9, 1e-5),
        (np.float32, 1e-5, 1e-3),
        (np.float16, 1e-3, 0.1),
        (ml_dtypes.bfloat16, 0.01, 0.3),
    ],
)
def test_every_floating_dtype_has_its_own_tolerance(dtype, near, far):
    one = np.ones((1, 2), dtype)
    assert compare_output("y", one, (one + near).astype(dtype), STANDARD, 1).passed
    assert not compare_output("y", one, (one + far).astype(dtype), STANDARD, 1).passed


def test_a_quantised_graph_may_miss_some_elements_and_few_winners():
    want = np.tile(np.float32([[0.9, 0.05, 0.05]]), (40, 1))
    got = want.copy()
    got[0] = [0.1, 0.8, 0.1]
    found = compare_output("y", want, got, LOOSE, 1)
    assert (found.passed, found.top1_agreement, found.beyond) == (True, 0.975, 2)
    got[:4] = got[0]
    assert not compare_output("y", want, got, LOOSE, 1).passed


def test_calls_of_one_batch_size_become_one_entry():
    parts = [
        compared([[0.1, 0.9]] * 3, [[0.1, 0.905]] * 3),
        compared([[0.9, 0.1]], [[0.1, 0.9]]),
    ]
    joined = merge(parts, HUNDREDTH)
    assert (joined.rows, joined.elements, joined.beyond) == (4, 8, 2)
    assert joined.max_abs_error == pytest.approx(0.8)
    assert joined.top1_agreement == 0.75
    assert joined.cosine_min == parts[1].cosine_min
    assert not joined.passed
    assert merge(parts[:1], HUNDREDTH) == parts[0]


FINITE = st.floats(-1e6, 1e6, width=32)
ANY = arrays.arrays(np.float32, (4, 3), elements=st.floats(width=32))


@given(ANY)
def test_any_output_agrees_with_itself(output):
    found = compare_output("y", output, output.copy(), STANDARD, 1)
    assert found.passed
    assert found.max_abs_error == 0.0


@given(ANY, ANY, st.sampled_from([STANDARD, LOOSE, everywhere(EXACT)]))
def test_comparing_never_raises_and_never_says_nan(want, got, tolerances):
    found = compare_output("y", want, got, tolerances, 1)
    numbers = (
        found.max_abs_error, found.max_rel_error, found.cosine_min, found.cosine_mean,
        found.top1_agreement, found.top5_agreement,
    )  # fmt: skip
    assert all(number is None or number == number for number in numbers)
    assert found.max_abs_error >= 0.0
    if np.array_equal(want, got, equal_nan=True):
        assert found.passed
    elif tolerances.name == "custom":
        assert not found.passed


@given(
    arrays.arrays(np.float32, (4, 3), elements=FINITE),
    arrays.arrays(np.float32, (4, 3), elements=FINITE),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_without_a_span_the_rule_is_numpys_own(want, got, rtol, atol):
    found = compared(want, got, Tolerance(rtol, atol))
    is_close = np.isclose(got.astype(float), want.astype(float), rtol=rtol, atol=atol)
    assert found.beyond == (~is_close).sum()
