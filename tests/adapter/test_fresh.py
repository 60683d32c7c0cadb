"""A value that costs something to make, and that may be a moment old."""

from __future__ import annotations

import pytest

from adapter.fresh import Fresh


def test_who_asks_within_a_second_shares_one_and_then_it_is_made_anew():
    now, made = 0.0, []

    def make() -> int:
        made.append(now)
        return len(made)

    fresh = Fresh(make, lambda: now)
    assert [fresh.get() for _ in range(3)] == [1, 1, 1]
    now = 1.0
    assert [fresh.get() for _ in range(2)] == [2, 2]
    assert made == [0.0, 1.0]


def test_what_could_not_be_made_is_tried_again():
    outcomes = iter([1.0, ZeroDivisionError, 2.0])
    now = 0.0

    def make() -> float:
        outcome = next(outcomes)
        if isinstance(outcome, float):
            return outcome
        raise outcome

    fresh = Fresh(make, lambda: now)
    assert fresh.get() == 1.0
    now = 5.0
    with pytest.raises(ZeroDivisionError):
        fresh.get()
    assert fresh.get() == 2.0
