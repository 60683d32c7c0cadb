"""Waiting for company, where a model is told to; nobody waits longer than that."""

from __future__ import annotations

import asyncio

import pytest

from model_store.errors import DeadlineExceeded, EaselError
from tests.serving.engine.sessions import (
    POISON,
    Doubler,
    VirtualExecutor,
    VirtualLoop,
    batcher,
    in_virtual_time,
    outputs,
    rows,
)


class Scene:
    """A queue in virtual time, with callers that arrive when they are told to."""

    def __init__(self, *, row_s: float = 0.0, **limits) -> None:
        self.session, self.loop = Doubler(), VirtualLoop()
        executor = VirtualExecutor(self.loop, 0.5)
        self.queue = batcher(self.session, executor, row_s=row_s, **limits)

    async def arrive(self, at_s: float, count: int = 1, deadline: float | None = None) -> float:
        """Ask at a time; returns when the answer came."""
        await asyncio.sleep(at_s)
        await outputs(self.queue, rows(*range(count)), deadline)
        return round(self.loop.time(), 6)

    def play(self, *arrivals: tuple) -> list[float]:
        """When each of the callers was answered."""
        answered: list[float] = []

        async def all_of_them() -> None:
            answered.extend(await asyncio.gather(*(self.arrive(*each) for each in arrivals)))

        in_virtual_time(all_of_them(), self.loop)
        return answered


def test_without_a_timeout_nobody_waits():
    scene = Scene()
    assert scene.play((0.0,), (0.001,)) == [0.0, 0.001]
    assert scene.session.batches == [(1, 1), (1, 1)]


def test_a_run_with_room_waits_for_company_as_long_as_it_may():
    scene = Scene(timeout_s=0.01)
    assert scene.play((0.0,), (0.004,), (0.02,)) == [0.01, 0.01, 0.03]
    assert scene.session.batches == [(2, 1), (1, 1)]


def test_a_full_run_waits_no_longer():
    scene = Scene(timeout_s=1.0, max_rows=4)
    assert scene.play((0.0, 2), (0.1, 2), (0.2, 3)) == [0.1, 0.1, 1.2]


def test_company_is_waited_for_in_half_of_the_time_to_the_deadline():
    assert Scene(timeout_s=1.0).play((0.0, 1, 0.5)) == [0.25]


def test_what_became_due_while_the_lanes_were_busy_goes_when_one_is_free():
    scene = Scene(timeout_s=0.1, lanes=1, row_s=1.0)
    assert scene.play((0.0,), (0.2,), (0.25,)) == [0.6, 1.1, 1.1]
    assert scene.session.batches == [(1, 1), (2, 1)]


@pytest.mark.parametrize("timeout_s", [0.0, 0.1])
def test_a_higher_priority_passes_those_that_came_a_little_before(timeout_s):
    scene = Scene(timeout_s=timeout_s, lanes=1, row_s=1.0, max_rows=1)
    ends: list[str] = []

    async def ask(name: str, at_s: float, priority: int) -> None:
        await asyncio.sleep(at_s)
        await outputs(scene.queue, rows(1), None, priority)
        ends.append(name)

    async def all_of_them() -> None:
        await asyncio.gather(
            ask("first", 0.0, 0), ask("usual", 0.2, 0), ask("low", 0.15, -1), ask("high", 0.3, 1)
        )

    in_virtual_time(all_of_them(), scene.loop)
    assert ends == ["first", "high", "usual", "low"]


async def turns_until_answered(queue) -> int:
    """How often the event loop turned before one request was answered."""
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    counting = asyncio.create_task(count())
    await asyncio.sleep(0)
    await outputs(queue, rows(1))
    counting.cancel()
    return turns


async def test_a_request_that_nobody_comes_with_runs_at_once():
    assert await turns_until_answered(batcher(Doubler(), None, has_company=lambda: False)) == 0
    assert await turns_until_answered(batcher(Doubler(), None, has_company=lambda: True)) > 0


async def test_whoever_comes_while_others_wait_joins_them():
    session, company = Doubler(), [True, False]
    queue = batcher(session, None, has_company=lambda: company.pop(0))
    await asyncio.gather(outputs(queue, rows(1)), outputs(queue, rows(2)))
    assert session.batches == [(2, 1)]


async def test_a_request_alone_fails_and_expires_as_any_other():
    session = Doubler()
    queue = batcher(session, None, has_company=lambda: False)
    with pytest.raises(EaselError, match="poison"):
        await outputs(queue, rows(POISON))
    with pytest.raises(DeadlineExceeded):
        await outputs(queue, rows(1), deadline=0.0)
    assert session.batches == [(1, 1)]
    assert queue.statistics.failure.count == 2


def test_a_request_alone_waits_for_company_where_it_is_told_to():
    scene = Scene(timeout_s=0.01, has_company=lambda: False)
    assert scene.play((0.0,), (0.004,)) == [0.01, 0.01]
    assert scene.session.batches == [(2, 1)]


def test_a_long_run_alone_leaves_the_event_loop_free():
    scene = Scene(row_s=1.0, has_company=lambda: False)
    assert scene.play((0.0,)) == [0.5]
