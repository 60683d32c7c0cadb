"""Retries alone: clock, pauses and jitter are the test's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.cloud.retry import RetryPolicy, with_retries
from model_store import errors
from tests.adapter.cloud.clocks import Clock

DOWN = errors.ServiceUnreachable("down")


def policy_of(clock: Clock, jitter: float = 1.0, **changed: float) -> RetryPolicy:
    return RetryPolicy(clock=clock, sleep=clock.sleep, jitter=lambda: jitter, **changed)


def taking(clock: Clock, *steps: tuple[float, Exception | None]):
    """A call whose n-th time takes so long and ends so; and the seconds it was given each time."""
    left, given_s = list(steps), []

    def call(left_s: float) -> str:
        given_s.append(left_s)
        takes_s, error = left.pop(0)
        clock.sleep(takes_s)
        if error is not None:
            raise error
        return "done"

    return call, given_s


def test_each_attempt_gets_the_time_that_is_left():
    clock = Clock()
    call, given_s = taking(clock, (1.0, DOWN), (1.0, DOWN), (0.5, None))
    assert with_retries(call, policy_of(clock), timeout_s=10.0) == "done"
    assert given_s == pytest.approx([10.0, 8.9, 7.7])


def test_the_last_failure_is_raised_when_the_attempts_are_used_up():
    clock = Clock()
    call, given_s = taking(clock, (0.0, DOWN), (0.0, DOWN), (0.0, DOWN))
    with pytest.raises(errors.ServiceUnreachable):
        with_retries(call, policy_of(clock), timeout_s=10.0)
    assert len(given_s) == 3


def test_a_pause_that_would_outlast_the_deadline_is_not_begun():
    clock = Clock()
    call, _ = taking(clock, (0.95, DOWN))
    with pytest.raises(errors.ServiceUnreachable):
        with_retries(call, policy_of(clock), timeout_s=1.0)
    assert clock.now == pytest.approx(1000.95)


def test_who_has_no_time_does_not_ask():
    clock = Clock()
    call, given_s = taking(clock)
    with pytest.raises(errors.DeadlineExceeded):
        with_retries(call, policy_of(clock), timeout_s=0.0)
    assert not given_s


@pytest.mark.parametrize(
    "error",
    [
        errors.DeadlineExceeded("late"), errors.BadAnswer("odd"), errors.AccessRefused("no"),
        errors.QuotaExceeded("used up"), errors.InvalidRequest("bad"), ZeroDivisionError(),
    ],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
def test_only_what_did_nothing_yet_is_tried_again(error):
    clock = Clock()
    call, given_s = taking(clock, (0.0, error))
    with pytest.raises(type(error)):
        with_retries(call, policy_of(clock), timeout_s=10.0)
    assert len(given_s) == 1


@given(
    jitter=st.floats(0.0, 1.0, exclude_max=True),
    attempts=st.integers(1, 8),
    timeout_s=st.floats(0.01, 20.0),
    takes_s=st.floats(0.0, 3.0),
)
def test_the_pauses_never_outlast_the_deadline_nor_their_bounds(
    jitter, attempts, timeout_s, takes_s
):
    clock, pauses = Clock(), []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        clock.sleep(seconds)

    policy = RetryPolicy(attempts, clock=clock, sleep=sleep, jitter=lambda: jitter)
    calls = []

    def call(left_s: float) -> None:
        calls.append(left_s)
        assert 0 < left_s <= timeout_s + 1e-6
        clock.sleep(takes_s)
        raise DOWN

    with pytest.raises(errors.ServiceUnreachable):
        with_retries(call, policy, timeout_s=timeout_s)
    assert 1 <= len(calls) <= attempts
    assert len(pauses) == len(calls) - 1
    assert all(pause <= min(0.1 * 2**n, 1.0) + 1e-6 for n, pause in enumerate(pauses))
    assert clock.now <= 1000.0 + timeout_s + takes_s + 1e-6
