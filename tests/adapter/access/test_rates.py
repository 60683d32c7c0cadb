"""How often one caller may ask."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.access.counters import Counters
from adapter.access.rates import Rates, read_rate
from model_store.errors import InvalidRequest, RateLimited
from tests.support import free_port


class Clock:
    now = 6000.0

    def __call__(self) -> float:
        return self.now


def asks(rates, caller, times):
    """How many of *times* requests are let in."""
    allowed = 0
    for _ in range(times):
        try:
            rates.count(caller)
        except RateLimited:
            continue
        allowed += 1
    return allowed


@pytest.fixture
def clock():
    return Clock()


def test_one_too_many_is_told_when_to_come_again(clock):
    rates = Rates("3/minute", clock=clock)
    left = [rates.count("a").left for _ in range(3)]
    assert left == [2, 1, 0]
    with pytest.raises(RateLimited, match="more than 3 requests in 60 s; wait") as caught:
        rates.count("a")
    assert 0 < caught.value.retry_after_s <= 60


def test_callers_do_not_pay_for_each_other(clock):
    rates = Rates("3/minute", clock=clock)
    assert asks(rates, "a", 10) == 3
    assert asks(rates, "b", 10) == 3


def test_the_window_slides_so_that_no_two_bursts_meet(clock):
    rates = Rates("60/minute", clock=clock)
    clock.now += 59
    assert asks(rates, "a", 100) == 60
    clock.now += 2
    assert asks(rates, "a", 100) <= 2
    clock.now += 30
    assert 25 <= asks(rates, "a", 100) <= 35
    clock.now += 120
    assert asks(rates, "a", 100) == 60


@given(st.lists(st.floats(0, 40), max_size=80))
def test_a_minute_never_has_more_than_twice_the_rate(pauses):
    clock = Clock()
    rates = Rates("10/minute", clock=clock)
    allowed = []
    for pause in pauses:
        clock.now += pause
        allowed += [clock.now] * asks(rates, "a", 3)
    for at in allowed:
        assert sum(at <= each < at + 60 for each in allowed) <= 20


def test_threads_together_get_no_more(clock):
    rates = Rates("100/minute", clock=clock)
    counts: list[int] = []
    threads = [
        threading.Thread(target=lambda: counts.append(asks(rates, "a", 50))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counts) == 100


def test_memory_holds_those_that_asked_last():
    counters = Counters(most=2)
    for caller in "aba":
        counters.incr(caller, 60)
    counters.incr("c", 60)
    assert [counters.get(caller) for caller in "abc"] == [2, 0, 1]
    counters.clear("a")
    assert (counters.get("a"), counters.reset(), counters.get("c")) == (0, 1, 0)


@pytest.mark.parametrize("text", ["", "many", "5", "0/minute", "-3/minute", "5/fortnight", "5/"])
def test_what_is_no_rate_is_told(text):
    with pytest.raises(InvalidRequest, match="rate_limit"):
        read_rate(text)


@given(st.text(max_size=30))
def test_no_text_is_more_than_a_refused_rate(text):
    try:
        item = read_rate(text)
    except InvalidRequest as error:
        assert "rate_limit" in str(error)
    else:
        assert item.amount > 0
        assert item.get_expiry() > 0


def test_a_storage_that_is_none_is_told():
    with pytest.raises(InvalidRequest, match="write memory:// or redis://HOST:PORT"):
        Rates("5/minute", "memcached://x")


def test_while_the_storage_is_away_nobody_is_limited_and_it_is_said_once(caplog, clock):
    rates = Rates("1/minute", f"redis://127.0.0.1:{free_port()}", clock=clock)
    assert [rates.count("a") for _ in range(5)] == [None] * 5
    assert len([record for record in caplog.records if "nobody's rate" in record.message]) == 1
    clock.now += 6
    assert rates.count("a") is None
    assert len([record for record in caplog.records if "nobody's rate" in record.message]) == 2
