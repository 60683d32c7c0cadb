"""Rows that wait together run together, and each returns to its caller."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from model_store.errors import DeadlineExceeded, EaselError, Overloaded, ServableNotReady
from tests.serving.engine.sessions import POISON, WHOLE, Doubler, batcher, outputs, rows


async def begun(session: Doubler) -> None:
    """Until a run has begun in a thread."""
    assert await asyncio.to_thread(session.begun.acquire, timeout=10)


@pytest.fixture
def executor():
    with ThreadPoolExecutor(2) as pool:
        yield pool


async def test_requests_of_one_moment_run_as_one_batch(executor):
    session = Doubler()
    queue = batcher(session, executor)
    await asyncio.gather(*(outputs(queue, rows(value)) for value in range(5)))
    assert session.batches == [(5, 1)]


async def test_an_answer_says_how_many_rows_ran_together_and_how_long_it_waited(executor):
    queue = batcher(Doubler(), executor, max_rows=4)
    timed = await asyncio.gather(
        *(queue.run(rows(*range(count)), ("y",), None) for count in (1, 2, 6))
    )
    timings = [timing for _, timing in timed]
    assert [timing.batch_rows for timing in timings] == [3, 3, 4]
    assert all(timing.queue_s >= 0 and timing.compute_s > 0 for timing in timings)


async def test_shapes_that_differ_are_never_mixed(executor):
    session = Doubler()
    queue = batcher(session, executor)
    await asyncio.gather(*(outputs(queue, rows(value, width=1 + value % 2)) for value in range(4)))
    assert session.batches == [(2, 1), (2, 2)]


async def test_a_request_longer_than_a_batch_is_split_and_joined_again(executor):
    session = Doubler()
    (answer,) = await outputs(batcher(session, executor, max_rows=3), rows(*range(8)))
    assert answer[:, 0].tolist() == [0, 2, 4, 6, 8, 10, 12, 14]
    assert [shape[0] for shape in session.batches] == [3, 3, 2]


async def test_a_model_without_batch_axis_runs_each_request_alone(executor):
    session = Doubler()
    queue = batcher(session, executor, signature=WHOLE)
    inputs = [{"x": np.array([value, value], np.int64)} for value in range(3)]
    answers = await asyncio.gather(*(outputs(queue, each) for each in inputs))
    assert [answer[0].tolist() for answer in answers] == [[0, 0], [2, 2], [4, 4]]
    assert session.batches == [(2,), (2,), (2,)]


@pytest.mark.parametrize("row_s", [0.0, 1.0])
async def test_a_poisoned_row_fails_alone(executor, row_s):
    queue = batcher(Doubler(), executor, row_s=row_s)
    answers = await asyncio.gather(
        *(outputs(queue, rows(value)) for value in (12, POISON, 14)), return_exceptions=True
    )
    assert [answers[0][0].item(), answers[2][0].item()] == [24, 28]
    assert isinstance(answers[1], EaselError)
    assert "poison" in str(answers[1])


async def test_a_deadline_that_passed_in_the_queue_costs_no_run(executor):
    session = Doubler()
    past = asyncio.get_running_loop().time() - 1
    with pytest.raises(DeadlineExceeded):
        await outputs(batcher(session, executor), rows(1), past)
    assert session.batches == []


async def test_a_cancelled_request_costs_no_run(executor):
    session = Doubler()
    session.gate.clear()
    queue = batcher(session, executor, row_s=1.0, lanes=1, max_rows=1)
    first = asyncio.create_task(outputs(queue, rows(1)))
    await asyncio.sleep(0)
    second = asyncio.create_task(outputs(queue, rows(2)))
    await asyncio.sleep(0)
    second.cancel()
    session.gate.set()
    assert (await first)[0].item() == 2
    with pytest.raises(asyncio.CancelledError):
        await second
    assert (await outputs(queue, rows(3)))[0].item() == 6
    assert session.batches == [(1, 1), (1, 1)]


async def test_a_full_queue_refuses_and_recovers(executor):
    session = Doubler()
    session.gate.clear()
    queue = batcher(session, executor, row_s=1.0, lanes=1, max_rows=1, max_waiting_rows=2)
    running = asyncio.create_task(outputs(queue, rows(0)))
    await begun(session)
    waiting = [asyncio.create_task(outputs(queue, rows(value))) for value in (1, 2)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded, match="2 rows wait, about .* s of work; 2 rows or"):
        await outputs(queue, rows(3))
    session.gate.set()
    assert [(await task)[0].item() for task in (running, *waiting)] == [0, 2, 4]
    assert (await outputs(queue, rows(4)))[0].item() == 8


async def test_one_request_larger_than_the_queue_is_served_when_nothing_waits(executor):
    queue = batcher(Doubler(), executor, max_rows=2, max_waiting_rows=4)
    (answer,) = await outputs(queue, rows(*range(9)))
    assert len(answer) == 9


async def test_no_rows_are_answered_with_no_rows(executor):
    (answer,) = await outputs(batcher(Doubler(), executor), {"x": np.zeros((0, 4), np.int64)})
    assert answer.shape == (0, 4)


async def test_rows_whose_callers_left_keep_nobody_out(executor):
    session = Doubler()
    session.gate.clear()
    queue = batcher(session, executor, row_s=1.0, lanes=1, max_rows=1, max_waiting_rows=2)
    running = asyncio.create_task(outputs(queue, rows(0)))
    await begun(session)
    leaving = [asyncio.create_task(outputs(queue, rows(value))) for value in (1, 2)]
    await asyncio.sleep(0)
    for task in leaving:
        task.cancel()
    await asyncio.wait(leaving)
    staying = asyncio.create_task(outputs(queue, rows(3)))
    await asyncio.sleep(0)
    session.gate.set()
    assert [(await running)[0].item(), (await staying)[0].item()] == [0, 6]


async def test_a_queue_that_would_take_too_long_refuses_and_says_when_to_come_back(executor):
    session = Doubler()
    session.gate.clear()
    queue = batcher(session, executor, row_s=1.0, lanes=1, max_rows=1, max_queue_s=3.0)
    tasks = [asyncio.create_task(outputs(queue, rows(0)))]
    await begun(session)
    for value in range(4):
        tasks.append(asyncio.create_task(outputs(queue, rows(value))))
        await asyncio.sleep(0)
    with pytest.raises(
        Overloaded, match=r"4 rows wait, about 4 s of work; .* or 3 s may"
    ) as raised:
        await outputs(queue, rows(9))
    assert raised.value.retry_after_s == 2.0
    session.gate.set()
    await asyncio.gather(*tasks)


async def test_one_bad_row_in_many_is_found_by_halving(executor):
    session = Doubler()
    queue = batcher(session, executor)
    values = [*range(40), POISON, *range(23)]
    answers = await asyncio.gather(
        *(outputs(queue, rows(value)) for value in values),
        return_exceptions=True,
    )
    assert [isinstance(answer, EaselError) for answer in answers] == [
        value == POISON for value in values
    ]
    assert len(session.batches) == 1 + 2 * 6


async def test_a_model_whose_outputs_have_other_rows_than_its_inputs_runs_each_alone(executor):
    class Summing(Doubler):
        def run(self, names, inputs, abort=None):
            return [total.sum(axis=0, keepdims=True) for total in super().run(names, inputs)]

    session = Summing()
    queue = batcher(session, executor, max_rows=4)
    answers = await asyncio.gather(*(outputs(queue, rows(value, value)) for value in (1, 2)))
    assert [answer[0].item() for answer in answers] == [4, 8]
    with pytest.raises(EaselError, match="output y has 2 rows for 8: send fewer at once"):
        await outputs(queue, rows(*range(8)))


async def test_a_run_is_padded_to_an_allowed_size_and_the_padding_never_comes_back(executor):
    session = Doubler()
    queue = batcher(session, executor, max_rows=4, allowed_rows=(2, 4))
    answers = await asyncio.gather(*(outputs(queue, rows(value)) for value in (1, 2, 3)))
    assert [answer[0].tolist() for answer in answers] == [[[2]], [[4]], [[6]]]
    (alone,) = await outputs(queue, rows(5))
    (none,) = await outputs(queue, {"x": np.zeros((0, 1), np.int64)})
    assert (alone.tolist(), none.shape) == ([[10]], (0, 1))
    assert session.batches == [(4, 1), (2, 1), (2, 1)]


async def test_a_queue_behind_threads_that_ended_answers_that_the_server_stops():
    pool = ThreadPoolExecutor(1)
    queue = batcher(Doubler(), pool, row_s=1.0)
    pool.shutdown()
    with pytest.raises(ServableNotReady, match="shutting down"):
        await outputs(queue, rows(1))
