"""Rows that wait together run together, and each returns to its caller."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_store.errors import DeadlineExceeded, EaselError, Overloaded
from model_store.spec import Signature, TensorSpec
from serving.api.calls import Tensor, Tensors
from serving.engine.batching import Batcher, BatchLimits

ROWS = Signature(
    (TensorSpec("x", "int64", (None, None)),), (TensorSpec("y", "int64", (None, None)),)
)
WHOLE = Signature((TensorSpec("x", "int64", (2,)),), (TensorSpec("y", "int64", (2,)),))


class Doubler:
    """A session that doubles, remembers its batch sizes, and refuses poison."""

    def __init__(self, poison: int | None = None) -> None:
        self.batches: list[tuple[int, ...]] = []
        self.poison = poison
        self.gate = threading.Event()
        self.gate.set()

    def run(self, outputs: Sequence[str], inputs: Tensors, abort=None) -> list[Tensor]:
        assert self.gate.wait(10)
        self.batches.append(inputs["x"].shape)
        if self.poison is not None and (inputs["x"] == self.poison).any():
            raise ValueError("poison")
        return [inputs["x"] * 2 for _ in outputs]


@pytest.fixture
def executor():
    with ThreadPoolExecutor(2) as pool:
        yield pool


def batcher(session, executor, *, row_s=0.0, signature=ROWS, **limits) -> Batcher:
    return Batcher(session, signature, BatchLimits(**limits), executor, row_s=row_s)


def rows(*values: int, width: int = 1) -> Tensors:
    return {"x": np.repeat(np.array(values, np.int64)[:, None], width, axis=1)}


async def outputs(queue: Batcher, inputs: Tensors, deadline: float | None = None) -> list[Tensor]:
    computed, _ = await queue.run(inputs, ("y",), deadline)
    return computed


@given(
    sizes=st.lists(st.tuples(st.integers(0, 9), st.integers(1, 3)), min_size=1, max_size=30),
    max_rows=st.integers(1, 8),
    row_s=st.sampled_from([0.0, 1.0]),
    pauses=st.lists(st.integers(0, 2), min_size=30, max_size=30),
)
@settings(max_examples=60, deadline=None)
def test_every_row_returns_to_its_caller_under_any_interleaving(sizes, max_rows, row_s, pauses):
    session = Doubler()

    async def ask(queue: Batcher, index: int, count: int, width: int) -> None:
        for _ in range(pauses[index % len(pauses)]):
            await asyncio.sleep(0)
        tensors = {
            "x": np.arange(count * width, dtype=np.int64).reshape(count, width) + 1000 * index
        }
        (answer,) = await outputs(queue, tensors)
        np.testing.assert_array_equal(answer, tensors["x"] * 2)

    async def all_of_them() -> None:
        with ThreadPoolExecutor(2) as pool:
            queue = batcher(session, pool, row_s=row_s, max_rows=max_rows)
            await asyncio.gather(
                *(ask(queue, index, count, width) for index, (count, width) in enumerate(sizes))
            )

    asyncio.run(all_of_them())
    assert all(shape[0] <= max_rows for shape in session.batches)
    assert sum(shape[0] for shape in session.batches) == sum(count for count, _ in sizes)


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
    assert session.batches == [(1, 1), (1, 2), (1, 1), (1, 2)]


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
    queue = batcher(Doubler(poison=13), executor, row_s=row_s)
    answers = await asyncio.gather(
        *(outputs(queue, rows(value)) for value in (12, 13, 14)), return_exceptions=True
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
    while queue._waiting:
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    waiting = [asyncio.create_task(outputs(queue, rows(value))) for value in (1, 2)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded, match="2 rows wait already, 2 may"):
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
