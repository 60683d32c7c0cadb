"""When a run of some milliseconds happens on the event loop, and when in a thread."""

from __future__ import annotations

import asyncio
import weakref

import pytest

from model_store.errors import EaselError
from serving.engine.floor import LONGEST_S, Floor
from tests.serving.engine.sessions import Doubler, VirtualExecutor, VirtualLoop, batcher, rows

RUN_S = LONGEST_S / 2


class Clock:
    """Stands where it is put."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


class Threads(VirtualExecutor):
    """Counts what it is given."""

    count = 0

    def submit(self, function, /, *args):
        self.count += 1
        return super().submit(function, *args)


def floor(*, is_busy=False, told=None):
    """A floor on which one model was called long ago."""
    clock = Clock()
    tell = (lambda _: None) if told is None else told.append
    made = Floor(lambda: is_busy, tell, clock=clock)
    made.enter("model")
    made.leave()
    clock.now += 60.0
    return made


def test_while_one_model_is_called_and_no_core_is_left_its_runs_keep_the_loop():
    busy = floor(is_busy=True)
    for _ in range(3):
        busy.enter("model")
    assert busy.is_free(RUN_S, is_last=False)
    assert not busy.is_free(2 * LONGEST_S, is_last=True)


def test_while_a_core_is_left_only_a_request_that_is_all_there_is_keeps_the_loop():
    idle = floor()
    idle.enter("model")
    assert idle.is_free(RUN_S, is_last=True)
    assert not idle.is_free(RUN_S, is_last=False), "parts of it can run on the other cores"
    idle.enter("model")
    assert not idle.is_free(RUN_S, is_last=True)
    idle.leave()
    assert idle.is_free(RUN_S, is_last=True)


def test_for_a_while_after_another_model_was_called_nobody_keeps_the_loop():
    mixed = floor(is_busy=True)
    mixed.enter("model")
    assert mixed.is_free(RUN_S, is_last=True)
    mixed.enter("other")
    mixed.leave()
    mixed.enter("model")
    assert not mixed.is_free(RUN_S, is_last=True)
    mixed.clock.now += 60.0
    assert mixed.is_free(RUN_S, is_last=True)


def test_a_model_that_was_called_last_is_not_kept_in_memory():
    class Model:
        pass

    made, model = floor(), Model()
    made.enter(model)
    made.leave()
    gone = weakref.ref(model)
    del model
    assert gone() is None


def test_others_are_told_how_many_requests_are_inside():
    told = []
    made = floor(told=told)
    made.enter("model")
    made.enter("other")
    made.leave()
    assert told == [1, 0, 1, 2, 1]


@pytest.mark.parametrize("is_busy", [False, True])
@pytest.mark.parametrize("count", [1, 3])
def test_a_run_of_some_milliseconds_gets_a_thread_where_another_core_is_left(is_busy, count):
    loop = VirtualLoop()
    threads, session = Threads(loop, 0.001), Doubler()
    shared = Floor(lambda: is_busy, clock=lambda: loop.now + 100.0)
    queue = batcher(session, threads, row_s=RUN_S / 3, max_rows=3, floor=shared)

    async def ask() -> list[int]:
        shared.enter(queue)  # so that it is known
        shared.leave()
        await asyncio.sleep(60)
        answers = await asyncio.gather(*[queue.run(rows(i), ("y",), None) for i in range(count)])
        return [answer[0][0].item() for answer in answers]

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        assert runner.run(ask()) == [2 * i for i in range(count)]
    needs_thread = count > 1 and not is_busy
    assert bool(threads.count) == needs_thread
    assert shared.inside == 0


def test_a_request_that_fails_or_leaves_is_no_longer_inside():
    loop = VirtualLoop()
    shared = Floor()
    queue = batcher(Doubler(), VirtualExecutor(loop, 1.0), row_s=1.0, floor=shared)

    async def ask() -> None:
        with pytest.raises(EaselError, match="poison"):
            await queue.run(rows(-13), ("y",), None)
        leaving = asyncio.create_task(queue.run(rows(1), ("y",), None))
        await asyncio.sleep(0.5)
        assert shared.inside == 1
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(ask())
    assert shared.inside == 0


def test_runs_in_other_processes_never_keep_the_loop():
    """A SavedModel's worker is waited for in a thread, whatever is said of the floor."""
    loop = VirtualLoop()
    threads = Threads(loop, 0.001)
    queue = batcher(Doubler(), threads, row_s=0.0, inline_s=-1.0, floor=floor(is_busy=True))
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(queue.run(rows(1), ("y",), None))
    assert threads.count == 1
