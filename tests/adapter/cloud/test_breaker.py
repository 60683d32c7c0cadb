"""The breaker alone: its clock is the test's."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from adapter.cloud.breaker import Breaker, BreakerPolicy, State
from model_store import errors
from tests.adapter.cloud.clocks import Clock

POLICY = BreakerPolicy(failures=3, open_s=10.0, most_open_s=35.0)
DOWN = errors.ServiceUnreachable("x does not answer")


class Refused(Exception):
    """The breaker let nothing through."""


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def breaker(clock):
    return Breaker("x", POLICY, clock)


def run(breaker: Breaker, error: BaseException | None = None, *, is_patient: bool = True) -> None:
    """One call that ends with *error*; Refused if it was not let through."""
    was_let = False
    try:
        with breaker.guarding(is_patient=is_patient):
            was_let = True
            if error is not None:
                raise error
    except BaseException as ended:
        if not was_let:
            raise Refused(str(ended)) from ended
        assert ended is error


def fail(breaker: Breaker, times: int = 3, error: BaseException = DOWN) -> None:
    for _ in range(times):
        run(breaker, error)


def test_it_opens_after_failures_in_a_row_and_says_when_to_come_back(breaker, clock):
    fail(breaker)
    with pytest.raises(errors.ServiceUnavailable, match="x is left alone") as refused:
        with breaker.guarding():
            raise AssertionError("let through")
    assert refused.value.retry_after_s == 10.0
    clock.sleep(4.0)
    with pytest.raises(errors.ServiceUnavailable) as refused:
        with breaker.guarding():
            raise AssertionError("let through")
    assert refused.value.retry_after_s == 6.0


def test_a_success_between_failures_keeps_it_closed(breaker):
    for _ in range(5):
        fail(breaker, 2)
        run(breaker)
    assert breaker.state is State.CLOSED


def test_a_bad_request_was_answered_and_so_is_a_success(breaker):
    for _ in range(5):
        fail(breaker, 2)
        run(breaker, errors.InvalidRequest("bad image"))
    assert breaker.state is State.CLOSED


def test_a_bug_counts_as_a_failure(breaker):
    fail(breaker, error=ZeroDivisionError())
    with pytest.raises(Refused, match="it failed"):
        run(breaker)


def test_who_was_in_a_hurry_says_nothing_about_the_service(breaker, clock):
    late = errors.DeadlineExceeded("late")
    for _ in range(9):
        run(breaker, late, is_patient=False)
    assert breaker.state is State.CLOSED
    fail(breaker, error=late)
    assert breaker.state is State.OPEN
    clock.sleep(10.0)
    run(breaker, late, is_patient=False)
    run(breaker)  # the look that came to nothing is another's to take
    assert breaker.state is State.CLOSED


def test_one_call_looks_while_the_others_are_refused_and_its_success_closes(breaker, clock):
    fail(breaker)
    clock.sleep(10.0)
    with breaker.guarding():
        assert breaker.state is State.HALF_OPEN
        with pytest.raises(Refused):
            run(breaker)
    assert breaker.state is State.CLOSED
    run(breaker)


def test_each_look_that_fails_doubles_the_wait_up_to_the_most(breaker, clock):
    fail(breaker)
    for wait_s in (10.0, 20.0, 35.0, 35.0):
        clock.sleep(wait_s - 0.01)
        with pytest.raises(Refused):
            run(breaker)
        clock.sleep(0.01)
        run(breaker, DOWN)
    clock.sleep(35.0)
    run(breaker)
    fail(breaker)
    clock.sleep(10.0)
    run(breaker)


@pytest.mark.parametrize("kind", [errors.QuotaExceeded, errors.AccessRefused])
def test_a_refusal_that_says_how_long_it_lasts_opens_at_once_for_so_long(breaker, clock, kind):
    run(breaker, kind("no", retry_after_s=500.0))
    clock.sleep(499.0)
    with pytest.raises(Refused):
        run(breaker)
    clock.sleep(1.0)
    run(breaker)


def test_a_quota_stays_a_quota_while_nobody_asks(breaker):
    run(breaker, errors.QuotaExceeded("used up", retry_after_s=50.0))
    with pytest.raises(errors.QuotaExceeded, match="used up") as refused:
        with breaker.guarding():
            raise AssertionError("let through")
    assert refused.value.retry_after_s == 50.0


def test_a_look_that_is_torn_away_is_taken_by_the_next(breaker, clock):
    fail(breaker)
    clock.sleep(10.0)
    run(breaker, KeyboardInterrupt())
    run(breaker)
    assert breaker.state is State.CLOSED


def test_calls_that_began_before_it_opened_say_nothing_afterwards(breaker, clock):
    with ExitStack() as late_success, ExitStack() as late_failure:
        late_success.enter_context(breaker.guarding())
        late_failure.enter_context(breaker.guarding())
        fail(breaker)
        clock.sleep(10.0)
        with breaker.guarding():
            late_success.close()
            assert breaker.state is State.HALF_OPEN
            with suppress(errors.EaselError):
                late_failure.__exit__(type(DOWN), DOWN, None)
            assert breaker.state is State.HALF_OPEN
    assert breaker.state is State.CLOSED


class Guarded(RuleBasedStateMachine):
    """Calls begin, end and overlap as they like, and time passes."""

    @initialize()
    def start(self) -> None:
        self.clock = Clock()
        self.breaker = Breaker("x", POLICY, self.clock)
        self.running: list[Callable[[BaseException | None], None]] = []
        self.since_open = 0.0
        self.seen = State.CLOSED

    @rule()
    def begin(self) -> None:
        before, clock = self.breaker.state, self.clock()
        stack = ExitStack()
        try:
            stack.enter_context(self.breaker.guarding())
        except errors.ServiceUnavailable as refused:
            assert before is not State.CLOSED
            if before is State.OPEN:
                assert 0 < refused.retry_after_s <= POLICY.most_open_s
                assert clock < self.since_open + POLICY.most_open_s
            return
        assert before is not State.HALF_OPEN
        if before is State.OPEN:
            assert clock >= self.since_open + POLICY.open_s
            assert self.breaker.state is State.HALF_OPEN

        def end(error: BaseException | None) -> None:
            with suppress(errors.EaselError):
                if error is None:
                    stack.close()
                else:
                    stack.__exit__(type(error), error, None)

        self.running.append(end)

    @precondition(lambda self: self.running)
    @rule(which=st.integers(0, 10), fails=st.booleans())
    def end(self, which: int, *, fails: bool) -> None:
        self.running.pop(which % len(self.running))(DOWN if fails else None)

    @rule(seconds=st.floats(0.0, 50.0))
    def wait(self, seconds: float) -> None:
        self.clock.sleep(seconds)

    @invariant()
    def it_changes_only_as_a_breaker_does(self) -> None:
        allowed = {
            State.CLOSED: {State.CLOSED, State.OPEN},
            State.OPEN: {State.OPEN, State.HALF_OPEN},
            State.HALF_OPEN: set(State),
        }
        now = self.breaker.state
        assert now in allowed[self.seen]
        if now is State.OPEN and self.seen is not State.OPEN:
            self.since_open = self.clock()
        self.seen = now

    def teardown(self) -> None:
        """Whatever happened: when the service is well again, it is soon used again."""
        if not hasattr(self, "breaker"):
            return
        for end in self.running:
            end(None)
        self.clock.sleep(POLICY.most_open_s)
        run(self.breaker)
        assert self.breaker.state is State.CLOSED


Guarded.TestCase.settings = settings(max_examples=50, stateful_step_count=30)
TestGuarded = Guarded.TestCase


def test_of_many_threads_at_once_one_looks(breaker, clock):
    fail(breaker)
    clock.sleep(10.0)
    together, refused, let = threading.Barrier(16), threading.Semaphore(0), []

    def call() -> None:
        together.wait()
        try:
            with breaker.guarding():
                for _ in range(15):
                    refused.acquire()
                let.append(breaker.state)
        except errors.ServiceUnavailable:
            refused.release()

    threads = [threading.Thread(target=call) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert let == [State.HALF_OPEN]
    assert breaker.state is State.CLOSED
