"""What is kept for the page: little, the worst of all calls, and each input once."""

from __future__ import annotations

from math import inf

import numpy as np

from export.parity.evidence import MAX_POINTS, MAX_ROWS, Gathering
from export.parity.tolerance import STANDARD


def gathered(*calls):
    gathering = Gathering(STANDARD)
    for inputs, want, got in calls:
        gathering.add({"x": np.float32(inputs)}, {"y": np.float32(want)}, {"y": got}, len(inputs))
    return gathering.evidence()


def test_the_rows_that_differ_most_are_kept_the_worst_first():
    rows = np.arange(40)[:, None]
    got = np.float32(rows) * 0
    got[[7, 30]] = [[0.5], [0.9]]
    found = gathered((rows, rows * 0, got))
    assert len(found.rows) == MAX_ROWS
    assert [float(row.inputs["x"][0]) for row in found.rows[:2]] == [30, 7]
    assert found.rows[0].max_abs_error == np.float32(0.9)
    assert found.excess == found.rows[0].excess > 1


def test_a_row_that_is_seen_at_several_batch_sizes_is_shown_once_at_its_worst():
    rows = [[1], [2]]
    found = gathered(
        (rows, [[0], [0]], np.float32([[0], [0.1]])),
        (rows[1:], [[0]], np.float32([[0.7]])),
    )
    assert [(float(row.inputs["x"][0]), row.batch) for row in found.rows] == [(2, 1), (1, 2)]


def test_a_small_number_far_off_is_not_worse_than_a_large_one():
    found = gathered(([[1], [2]], [[1e-3, 1], [1e-3, 1]], np.float32([[2e-3, 1], [1e-3, 0.9]])))
    assert float(found.rows[0].inputs["x"][0]) == 2


def test_the_inputs_of_the_worst_call_are_kept_and_of_equal_ones_the_fewest():
    small, large = [[3]], [[1], [2]]
    call = np.float32([[1]])
    found = gathered((large, [[0], [0]], np.float32([[1], [0]])), (small, [[0]], call))
    assert found.failing["x"].tolist() == [[3]]
    assert gathered((small, [[0]], call * 0)).failing is None


def test_pairs_are_bounded_and_the_worst_is_among_them():
    rng = np.random.default_rng(0)
    calls = []
    for at in range(60):
        want = rng.uniform(0, 1, (4, 500)).astype(np.float32)
        got = want.copy()
        if at == 30:
            got[2, 77] += 0.5
        calls.append((np.full((4, 1), at), want, got))
    (output,) = gathered(*calls).outputs
    assert len(output.want) == len(output.got) == MAX_POINTS
    assert output.is_far.sum() == 1
    assert np.isclose(np.abs(output.want - output.got).max(), 0.5)
    assert output.errors.sum() == 1
    assert output.equal == 60 * 4 * 500 - 1


def test_differences_that_no_number_can_say_are_counted_apart():
    (output,) = gathered(([[1]], [[inf, 0, 1]], np.float32([[0, np.nan, 1]]))).outputs
    assert (output.unsayable, output.equal, output.errors.sum()) == (2, 1, 0)
