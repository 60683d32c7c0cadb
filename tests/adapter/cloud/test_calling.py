"""A guarded call: what it tells of itself, and the time that it gives."""

from __future__ import annotations

import pytest

from adapter.cloud.breaker import Breaker, BreakerPolicy
from adapter.cloud.calling import Guard, Watch
from adapter.cloud.retry import RetryPolicy
from model_store import errors
from tests.adapter.cloud.clocks import Clock


@pytest.fixture
def told():
    return []


@pytest.fixture
def guard(told):
    clock = Clock()
    watch = Watch([lambda name, outcome, seconds: told.append((name, outcome, seconds >= 0))])
    retries = RetryPolicy(clock=clock, sleep=clock.sleep, jitter=lambda: 1.0)
    return Guard(Breaker("x", BreakerPolicy(failures=2), clock), retries, 3.0, watch)


def ending(error):
    def call(_: float) -> None:
        raise error

    return call


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (errors.QuotaExceeded("no"), "quota"), (errors.AccessRefused("no"), "no_access"),
        (errors.BadAnswer("no"), "bad_answer"), (errors.ServiceUnreachable("no"), "unreachable"),
        (errors.DeadlineExceeded("no"), "late"), (errors.BadImage("no"), "refused"),
        (errors.EaselError("no"), "failed"), (ZeroDivisionError(), "failed"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value,
)  # fmt: skip
def test_each_end_is_told_by_its_own_name(guard, told, error, outcome):
    with pytest.raises(type(error)):
        guard.run(ending(error), timeout_s=5.0)
    assert told == [("x", outcome, True)]


def test_a_call_that_is_not_made_is_told_as_that(guard, told):
    assert guard.run(lambda left_s: left_s, timeout_s=2.0) == 2.0
    for _ in range(2):
        with pytest.raises(errors.BadAnswer):
            guard.run(ending(errors.BadAnswer("no")), timeout_s=5.0)
    with pytest.raises(errors.ServiceUnavailable, match="left alone"):
        guard.run(ending(AssertionError()), timeout_s=5.0)
    assert [outcome for _, outcome, _ in told] == ["ok", "bad_answer", "bad_answer", "not_asked"]


def test_a_call_gets_the_callers_time_or_the_services_whichever_is_less(guard):
    assert guard.run(lambda left_s: left_s, timeout_s=2.0) == 2.0
    assert guard.run(lambda left_s: left_s, timeout_s=9.0) == 3.0


def test_callers_in_a_hurry_do_not_open_the_breaker(guard):
    for _ in range(5):
        with pytest.raises(errors.DeadlineExceeded):
            guard.run(ending(errors.DeadlineExceeded("late")), timeout_s=1.0)
    assert guard.run(lambda left_s: left_s, timeout_s=1.0) == 1.0
