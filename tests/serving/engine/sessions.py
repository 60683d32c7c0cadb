"""Fake sessions, and a clock that moves only when nothing is left to do."""

from __future__ import annotations

import asyncio
import selectors
import threading
from collections.abc import Coroutine, Sequence
from concurrent.futures import Executor, Future

import numpy as np

from model_store.spec import Signature, TensorSpec
from serving.api.calls import Tensor, Tensors
from serving.engine.batching import Batcher
from serving.engine.floor import Floor
from serving.engine.limits import BatchLimits
from serving.engine.session import Abort

ROWS = Signature(
    (TensorSpec("x", "int64", (None, None)),), (TensorSpec("y", "int64", (None, None)),)
)
WHOLE = Signature((TensorSpec("x", "int64", (2,)),), (TensorSpec("y", "int64", (2,)),))
POISON = -13


class Doubler:
    """A session that doubles, remembers its batches' shapes, and refuses poison.

    Attributes:
        batches: Shape of each run's input.
        gate: A run waits until it is set.
        begun: Runs that have come to the gate.
    """

    def __init__(self) -> None:
        self.batches: list[tuple[int, ...]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.begun = threading.Semaphore(0)

    def run(
        self, outputs: Sequence[str], inputs: Tensors, abort: Abort | None = None
    ) -> list[Tensor]:
        self.begun.release()
        assert self.gate.wait(10)
        self.batches.append(inputs["x"].shape)
        if (inputs["x"] == POISON).any():
            raise ValueError("poison")
        return [inputs["x"] * 2 for _ in outputs]


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time jumps to the next timer when there is nothing else to do."""

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__(_Jumping(self))

    def time(self) -> float:
        return self.now


class _Jumping(selectors.SelectSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None):
        ready = super().select(0)
        if not ready:
            assert timeout is not None, "everybody waits and nobody will come"
            self._loop.now += timeout
        return ready


class VirtualExecutor(Executor):
    """Begins what it is given after *delay_s* of the loop's time, on the loop's own thread."""

    def __init__(self, loop: VirtualLoop, delay_s: float) -> None:
        self._loop, self._delay_s = loop, delay_s

    def submit(self, function, /, *args) -> Future:
        future: Future = Future()
        self._loop.call_later(self._delay_s, lambda: future.set_result(function(*args)))
        return future


def in_virtual_time(work: Coroutine, loop: VirtualLoop) -> None:
    """Run *work* to its end; no second of it passes for real."""
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(work)


def batcher(
    session, executor, *, row_s=0.0, signature=ROWS, has_company=lambda: True, floor=None, **limits
) -> Batcher:
    """A queue whose limits are out of the way unless a test names them."""
    limits = {"max_queue_s": 1e9, **limits}
    return Batcher(
        session, signature, BatchLimits(**limits), executor, row_s=row_s,
        floor=floor or Floor(has_company=has_company),
    )  # fmt: skip


def rows(*values: int, width: int = 1) -> Tensors:
    """``int64[N, width]``, a row for each value."""
    return {"x": np.repeat(np.array(values, np.int64)[:, None], width, axis=1)}


async def outputs(
    queue: Batcher, inputs: Tensors, deadline: float | None = None, priority: int = 0
) -> list[Tensor]:
    """The answer without its timing."""
    computed, _ = await queue.run(inputs, ("y",), deadline, priority)
    return computed
