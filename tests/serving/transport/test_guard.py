"""A call that is of no use any more is ended: at its deadline, or when its client has gone."""

from __future__ import annotations

import asyncio

import pytest

from model_store.errors import Cancelled, DeadlineExceeded
from serving.transport.guard import INTERVAL_S, Patrol
from serving.transport.memory import Memory

LONG_S = 4 * INTERVAL_S


async def never() -> dict[str, str]:
    """A client that stays."""
    await asyncio.Event().wait()
    raise AssertionError


async def gone() -> dict[str, str]:
    """A client that has left."""
    return {"type": "http.disconnect"}


def in_s(seconds: float) -> float:
    return asyncio.get_running_loop().time() + seconds


# Shorter than the patrol's two looks, and longer: who has time has no timer at first.
@pytest.mark.parametrize("seconds", [-1.0, 0.0, INTERVAL_S / 2, LONG_S])
@pytest.mark.parametrize("is_read", [True, False], ids=["at work", "while the request comes"])
async def test_a_call_ends_at_its_deadline(seconds, is_read):
    due = in_s(seconds)
    with pytest.raises(DeadlineExceeded):
        with Patrol(Memory(10)).guard(due) as guard:
            if is_read:
                guard.watch(never)
            await asyncio.Event().wait()
    assert asyncio.get_running_loop().time() >= due


async def test_a_call_that_lasts_ends_when_its_client_goes():
    with pytest.raises(Cancelled):
        with Patrol(Memory(10)).guard(in_s(1000)) as guard:
            guard.watch(gone)
            await asyncio.Event().wait()


async def test_a_call_whose_request_came_slowly_ends_when_its_client_goes():
    with pytest.raises(Cancelled):
        with Patrol(Memory(10)).guard(None) as guard:
            guard.last()  # as the patrol does when it comes by again, and the body is not there
            guard.watch(gone)
            await asyncio.Event().wait()


async def test_calls_that_end_hold_no_memory():
    patrol = Patrol(Memory(10))
    for seconds in (0.1, 1000.0):
        with patrol.guard(in_s(seconds)) as guard:
            guard.watch(never)
            guard.hold(7)
    assert patrol.memory.held == 0
