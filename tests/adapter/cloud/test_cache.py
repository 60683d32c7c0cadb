"""The cache alone: its clock is the test's."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.cloud.cache import OVERHEAD_BYTES, Cache, CachePolicy
from model_store import errors
from tests.adapter.cloud.clocks import Clock

KEY = b"key"


def cache_of(max_bytes: int = 10_000, clock: Clock | None = None) -> Cache[bytes]:
    return Cache(CachePolicy(max_bytes, 60.0), len, clock or Clock())


def get(cache: Cache[bytes], key: bytes = KEY, value: bytes = b"value") -> tuple[bytes, bool]:
    """What the cache gives, and whether it had to be made."""
    made = []

    def make() -> bytes:
        made.append(key)
        return value

    return cache.get_or_make(key, make, timeout_s=5.0), bool(made)


def test_what_was_made_is_kept_until_its_time_is_over():
    clock = Clock()
    cache = cache_of(clock=clock)
    assert get(cache) == (b"value", True)
    clock.sleep(59.9)
    assert get(cache, value=b"newer") == (b"value", False)
    clock.sleep(0.1)
    assert get(cache, value=b"newer") == (b"newer", True)


def test_a_failure_is_not_kept():
    cache = cache_of()
    with pytest.raises(errors.BadAnswer):
        cache.get_or_make(KEY, failing, timeout_s=5.0)
    assert get(cache) == (b"value", True)


def failing() -> bytes:
    raise errors.BadAnswer("nonsense")


def test_what_was_not_used_longest_goes_first():
    cache = cache_of(3 * (OVERHEAD_BYTES + 8))
    for key in (b"a", b"b", b"c"):
        get(cache, key)
    get(cache, b"a")
    get(cache, b"d")
    assert [get(cache, key)[1] for key in (b"a", b"c", b"d")] == [False, False, False]
    assert get(cache, b"b")[1]


def test_a_value_larger_than_the_whole_cache_is_given_and_not_kept():
    cache = cache_of(1000)
    get(cache, b"small")
    assert get(cache, value=b"x" * 1000) == (b"x" * 1000, True)
    assert get(cache, value=b"y") == (b"y", True)
    assert not get(cache, b"small")[1]


def test_with_no_bytes_nothing_is_kept():
    cache = cache_of(0)
    assert [get(cache)[1], get(cache)[1]] == [True, True]
    assert cache.size_bytes == 0


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 900), st.floats(0, 40)), max_size=60))
def test_it_never_takes_more_than_it_may_nor_gives_what_is_old_or_anothers(steps):
    clock = Clock()
    cache = cache_of(2000, clock)
    made_at: dict[int, float] = {}
    for number, size, pause_s in steps:
        clock.sleep(pause_s)
        value, was_made = get(cache, bytes([number]), bytes([number]) * size)
        if was_made:
            made_at[number] = clock.now
        assert set(value) <= {number}
        assert clock.now < made_at[number] + 60.0
        assert 0 <= cache.size_bytes <= 2000


class Held:
    """A call that others find under way."""

    def __init__(self, cache: Cache[bytes], result: bytes | BaseException) -> None:
        self.go_on, self.begun, self.outcome = threading.Event(), threading.Event(), []

        def make() -> bytes:
            self.begun.set()
            self.go_on.wait()
            if isinstance(result, BaseException):
                raise result
            return result

        def call() -> None:
            try:
                self.outcome.append(cache.get_or_make(KEY, make, timeout_s=5.0))
            except errors.EaselError as error:
                self.outcome.append(error)

        self.thread = threading.Thread(target=call)
        self.thread.start()
        self.begun.wait()


@pytest.mark.parametrize("result", [b"value", errors.BadAnswer("nonsense")])
def test_who_asks_while_it_is_made_waits_for_that_value_or_that_failure(result):
    cache = cache_of()
    held = Held(cache, result)
    outcome, made, asking = [], [], threading.Event()

    def call() -> None:
        asking.set()
        try:
            outcome.append(cache.get_or_make(KEY, lambda: made.append(1) or b"x", timeout_s=30.0))
        except errors.EaselError as error:
            outcome.append(error)

    follower = threading.Thread(target=call)
    follower.start()
    asking.wait()
    while not waiters_of(cache):
        held.thread.join(0.001)
    held.go_on.set()
    follower.join()
    held.thread.join()
    assert outcome == held.outcome == [result]
    assert not made


def waiters_of(cache: Cache[bytes]) -> int:
    """How many wait for the call that is under way, as its future counts them."""
    return len(cache._flights[KEY]._condition._waiters)


def test_who_has_no_time_left_does_not_wait_for_another():
    cache = cache_of()
    held = Held(cache, b"value")
    with pytest.raises(errors.DeadlineExceeded):
        cache.get_or_make(KEY, failing, timeout_s=0.0)
    held.go_on.set()
    held.thread.join()
    assert get(cache) == (b"value", False)
