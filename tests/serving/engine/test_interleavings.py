"""Whatever comes in whatever order, each caller gets its own rows or its own failure."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from itertools import count, cycle

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from model_store.errors import DeadlineExceeded, EaselError, Overloaded
from serving.engine.batching import Batcher
from serving.engine.floor import Floor
from tests.serving.engine.sessions import (
    POISON,
    Doubler,
    VirtualExecutor,
    VirtualLoop,
    batcher,
    in_virtual_time,
)


@dataclass(frozen=True)
class Request:
    """What a caller does, and when, in milliseconds of the loop's time."""

    rows: int
    width: int
    priority: int
    has_poison: bool
    arrives_ms: int
    deadline_ms: int | None
    leaves_ms: int | None


def times(most: int) -> st.SearchStrategy[int | None]:
    return st.none() | st.integers(0, most)


requests = st.builds(
    Request,
    rows=st.integers(0, 9),
    width=st.integers(1, 2),
    priority=st.integers(-2, 2),
    has_poison=st.sampled_from([False, False, False, True]),
    arrives_ms=st.integers(0, 12),
    deadline_ms=times(12),
    leaves_ms=times(12),
)


async def ask(queue: Batcher, index: int, request: Request) -> str:
    """Send it, check the answer, and say how it ended."""
    loop = asyncio.get_running_loop()
    await asyncio.sleep(request.arrives_ms / 1000)
    x = np.arange(request.rows * request.width).reshape(request.rows, request.width) + 1000 * index
    is_poisoned = request.has_poison and x.size > 0
    if is_poisoned:
        x.flat[-1] = POISON
    deadline = None if request.deadline_ms is None else loop.time() + request.deadline_ms / 1000
    try:
        (answer,), timing = await queue.run({"x": x}, ("y",), deadline, request.priority)
    except DeadlineExceeded:
        assert deadline is not None
        assert loop.time() >= deadline
        return "late"
    except Overloaded as error:
        assert error.retry_after_s > 0
        return "refused"
    except EaselError as error:
        assert "poison" in str(error)
        assert is_poisoned, "a failure of somebody else's row"
        return "failed"
    assert not is_poisoned
    np.testing.assert_array_equal(answer, x * 2)
    assert timing.batch_rows >= min(request.rows, 1)
    return "answered"


async def come_and_go(queue: Batcher, index: int, request: Request) -> str:
    asked = asyncio.ensure_future(ask(queue, index, request))
    if request.leaves_ms is not None:
        asyncio.get_running_loop().call_later(request.leaves_ms / 1000, asked.cancel)
    try:
        return await asked
    except asyncio.CancelledError:
        assert request.leaves_ms is not None
        return "left"


@given(
    crowd=st.lists(requests, min_size=1, max_size=25),
    max_rows=st.integers(1, 8),
    is_padded=st.booleans(),
    limits=st.fixed_dictionaries(
        {
            "lanes": st.integers(1, 3),
            "timeout_s": st.sampled_from([0.0, 0.002, 1.0]),
            "max_waiting_rows": st.sampled_from([6, 10_000]),
        }
    ),
    row_s=st.sampled_from([0.0, 0.003, 1.0]),
    company=st.lists(st.booleans(), min_size=1, max_size=7),
)
@settings(max_examples=300)
def test_every_row_returns_to_its_caller(crowd, max_rows, is_padded, limits, row_s, company):
    session, loop = Doubler(), VirtualLoop()
    allowed = tuple(sorted({max_rows, (max_rows + 1) // 2})) if is_padded else ()
    queue = batcher(
        session,
        VirtualExecutor(loop, 0.003),
        row_s=row_s,
        max_rows=max_rows,
        allowed_rows=allowed,
        # Time enough between any two calls that nobody else seems to be there.
        floor=Floor(
            partial(next, cycle(company[::-1])),
            has_company=partial(next, cycle(company)),
            clock=partial(next, count(step=10.0)),
        ),
        **limits,
    )

    async def all_of_them() -> None:
        ends = await asyncio.gather(
            *(come_and_go(queue, index, each) for index, each in enumerate(crowd))
        )
        if limits["max_waiting_rows"] > 1000:
            assert "refused" not in ends
        # Nothing is left behind: the next request is alone.
        assert await ask(queue, 99, Request(1, 1, 0, False, 2000, None, None)) == "answered"

    in_virtual_time(all_of_them(), loop)
    assert all(shape[0] <= max_rows for shape in session.batches)
    assert not is_padded or all(shape[0] in allowed for shape in session.batches)
    assert session.batches[-1][0] == (allowed[0] if is_padded else 1)


@given(st.integers(1, 10), st.integers(1, 4))
def test_a_stream_of_urgent_requests_does_not_keep_a_usual_one_out(priority, lanes):
    session, loop = Doubler(), VirtualLoop()
    queue = batcher(session, VirtualExecutor(loop, 0.5), row_s=1.0, max_rows=1, lanes=lanes)

    async def usual() -> float:
        await asyncio.sleep(1)  # the lanes are busy by now
        await ask(queue, 0, Request(1, 1, 0, False, 0, None, None))
        return loop.time()

    async def urgent(index: int) -> None:
        await ask(queue, index, Request(1, 1, priority, False, 250 * index // lanes, None, None))

    async def all_of_them() -> None:
        answered, *_ = await asyncio.gather(usual(), *(urgent(index) for index in range(90)))
        assert answered <= 2 * (1 + priority) + 1.5

    in_virtual_time(all_of_them(), loop)
