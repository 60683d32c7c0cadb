"""Every request and every run is counted once."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from model_store.errors import DeadlineExceeded, EaselError
from serving.api.calls import Timing
from serving.engine.statistics import Spent, Statistics, total
from tests.serving.engine.sessions import POISON, Doubler, batcher, rows


@pytest.fixture
def executor():
    with ThreadPoolExecutor(2) as pool:
        yield pool


async def test_requests_that_ran_together_are_one_run_of_all_their_rows(executor):
    queue = batcher(Doubler(), executor)
    await asyncio.gather(*(queue.run(rows(*range(count)), ("y",), None) for count in (1, 2)))
    seen = queue.statistics
    assert (seen.rows, seen.runs, seen.success.count, seen.failure.count) == (3, 1, 2, 0)
    assert {count: spent.count for count, spent in seen.batches.items()} == {3: 1}
    assert seen.success.ns >= seen.compute.ns / 2 > 0
    assert seen.queue.count == seen.compute.count == 2
    assert seen.last_ms > 0


async def test_a_request_that_was_split_is_one_request_of_several_runs(executor):
    queue = batcher(Doubler(), executor, max_rows=3)
    await queue.run(rows(*range(8)), ("y",), None)
    seen = queue.statistics
    assert (seen.rows, seen.runs, seen.success.count) == (8, 3, 1)
    assert {count: spent.count for count, spent in seen.batches.items()} == {3: 2, 2: 1}


async def test_requests_that_fail_are_counted_apart(executor):
    queue = batcher(Doubler(), executor)
    with pytest.raises(EaselError):
        await queue.run(rows(POISON), ("y",), None)
    with pytest.raises(DeadlineExceeded):
        await queue.run(rows(1), ("y",), asyncio.get_running_loop().time() - 1)
    seen = queue.statistics
    assert (seen.failure.count, seen.success.count, seen.rows, seen.last_ms) == (2, 0, 0, 0)


def test_a_version_has_done_what_its_signatures_did():
    first, second = Statistics(), Statistics()
    for statistics, count in ((first, 1), (second, 2)):
        statistics.note_run(count, 1e-6)
        statistics.note_success(count, Timing(2e-6, 1e-6, count), 4e-6)
    second.note_run(1, 1e-6)
    second.note_failure(5e-6)
    whole = total([first, second])
    assert (whole.rows, whole.runs, whole.last_ms) == (3, 3, second.last_ms)
    assert (whole.success, whole.failure) == (Spent(2, 8000), Spent(1, 5000))
    assert (whole.queue, whole.compute) == (Spent(2, 4000), Spent(2, 2000))
    assert whole.batches == {1: Spent(2, 2000), 2: Spent(1, 1000)}
    assert first.batches == {1: Spent(1, 1000)}
