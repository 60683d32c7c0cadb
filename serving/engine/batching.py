"""Requests that wait together run together.

Work-conserving: nothing waits for company.  Requests that arrive while the loop or the
session is busy are joined into one run; when idle, a request runs at once.  Runs that are
cheaper than a thread switch happen on the event loop, the others in a thread.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np

from model_store.errors import DeadlineExceeded, EaselError, Overloaded
from model_store.spec import Signature
from serving.api.calls import Tensor, Tensors, Timing
from serving.engine.session import Session

# Share of a faster run's cost that enters the estimate.
_TRUST = 0.05

Shape = tuple[tuple[int, ...], ...]
Timed = tuple[list[Tensor], Timing]


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """How requests of one signature are joined.

    Attributes:
        max_rows: Rows of one run; longer requests are split.
        max_waiting_rows: Rows that may wait; more are refused with Overloaded.
        inline_s: Expected seconds of a run up to which it happens on the event loop.
        lanes: Runs in threads at the same time.
    """

    max_rows: int = 64
    max_waiting_rows: int = 4096
    inline_s: float = 0.002
    lanes: int = 2


@dataclass(slots=True, eq=False)
class _Job:
    """One request's rows, or a part of them when it was split."""

    inputs: Tensors
    outputs: tuple[str, ...]
    rows: int
    shapes: Shape
    deadline: float | None
    arrived: float
    future: asyncio.Future[Timed]


@dataclass(frozen=True, slots=True)
class _Run:
    """One call of the session: when on the loop's clock, how long, and how many rows."""

    begun: float
    seconds: float
    rows: int


class Batcher:
    """The queue of one signature of one servable.  Lives on one event loop."""

    def __init__(
        self,
        session: Session,
        signature: Signature,
        limits: BatchLimits,
        executor: Executor,
        *,
        row_s: float,
    ) -> None:
        """Begin empty; *row_s* is a first guess of a row's cost, corrected by each run."""
        self._session = session
        self._signature = signature
        self._is_batched = signature.is_batched
        self._input_names = tuple(spec.name for spec in signature.inputs)
        self._limits = limits
        self._executor = executor
        self._row_s = row_s
        self._waiting: deque[_Job] = deque()
        self._waiting_rows = 0
        self._running = 0
        self._is_scheduled = False
        self._runs: set[asyncio.Task[None]] = set()

    async def run(self, inputs: Tensors, outputs: tuple[str, ...], deadline: float | None) -> Timed:
        """Compute *outputs* for one request, in that order, and say how long that took.

        Args:
            inputs: Checked against the signature already.
            outputs: Names from the signature.
            deadline: On the event loop's clock; work that begins later is dropped.

        Raises:
            Overloaded: Too many rows wait already.
            DeadlineExceeded: The deadline passed before the run began.
        """
        jobs = self._split(inputs, outputs, deadline)
        rows = jobs[0].rows if len(jobs) == 1 else sum(job.rows for job in jobs)
        if self._waiting_rows and self._waiting_rows + rows > self._limits.max_waiting_rows:
            raise Overloaded(
                f"{self._waiting_rows} rows wait already, "
                f"{self._limits.max_waiting_rows} may; try again later"
            )
        self._waiting.extend(jobs)
        self._waiting_rows += rows
        self._schedule()
        if len(jobs) == 1:
            return await jobs[0].future
        parts = await asyncio.gather(*(job.future for job in jobs))
        outputs_of_parts = [part for part, _ in parts]
        joined = [np.concatenate(pieces) for pieces in zip(*outputs_of_parts, strict=True)]
        return joined, _together([timing for _, timing in parts])

    def _split(
        self, inputs: Tensors, outputs: tuple[str, ...], deadline: float | None
    ) -> list[_Job]:
        loop = asyncio.get_running_loop()
        new_future, now = loop.create_future, loop.time()
        if not self._is_batched:
            return [_Job(inputs, outputs, 1, (), deadline, now, new_future())]
        tensors = [inputs[name] for name in self._input_names]
        rows, step = len(tensors[0]), self._limits.max_rows
        shapes = tuple([tensor.shape[1:] for tensor in tensors])
        if rows <= step:
            return [_Job(inputs, outputs, rows, shapes, deadline, now, new_future())]
        return [
            _Job(
                {name: tensor[at : at + step] for name, tensor in inputs.items()},
                outputs,
                min(step, rows - at),
                shapes,
                deadline,
                now,
                new_future(),
            )
            for at in range(0, rows, step)
        ]

    def _schedule(self) -> None:
        """Look at the queue once the loop has read what has arrived by now."""
        if not self._is_scheduled and self._running < self._limits.lanes:
            self._is_scheduled = True
            asyncio.get_running_loop().call_soon(self._dispatch)

    def _dispatch(self) -> None:
        self._is_scheduled = False
        batch = self._take()
        if not batch:
            return
        if self._row_s * sum([job.rows for job in batch]) <= self._limits.inline_s:
            _deliver(batch, *self._compute(batch))
        else:
            self._running += 1
            run = asyncio.get_running_loop().create_task(self._run_in_thread(batch))
            self._runs.add(run)  # the loop itself keeps only a weak reference
            run.add_done_callback(self._runs.discard)
        if self._waiting:
            self._schedule()

    async def _run_in_thread(self, batch: Sequence[_Job]) -> None:
        loop = asyncio.get_running_loop()
        try:
            _deliver(batch, *await loop.run_in_executor(self._executor, self._compute, batch))
        finally:
            self._running -= 1
            self._schedule()

    def _take(self) -> list[_Job]:
        """The next batch: from the front, as long as shapes agree and rows fit."""
        batch: list[_Job] = []
        rows = 0
        now = asyncio.get_running_loop().time()
        while self._waiting:
            job = self._waiting[0]
            if not job.future.done() and (job.deadline is None or now < job.deadline):
                if batch and not self._joins(job, batch[0], rows):
                    break
                batch.append(job)
                rows += job.rows
            elif not job.future.done():
                job.future.set_exception(DeadlineExceeded("the deadline passed in the queue"))
            self._waiting.popleft()
            self._waiting_rows -= job.rows
        return batch

    def _joins(self, job: _Job, first: _Job, rows: int) -> bool:
        return (
            self._is_batched
            and job.shapes == first.shapes
            and rows + job.rows <= self._limits.max_rows
        )

    def _compute(self, batch: Sequence[_Job]) -> tuple[list[list[Tensor] | Exception], _Run]:
        """Outputs of each job, or what went wrong with it.  May run in a thread."""
        begun = time.monotonic()  # the event loop's clock
        answers = self._compute_joined(batch)
        run = _Run(begun, time.monotonic() - begun, sum([job.rows for job in batch]))
        self._observe(run.seconds / max(run.rows, 1))
        return answers, run

    def _observe(self, row_s: float) -> None:
        """Believe a slow run at once and fast ones slowly: a long run blocks the loop."""
        self._row_s = max(row_s, self._row_s + _TRUST * (row_s - self._row_s))

    def _compute_joined(self, batch: Sequence[_Job]) -> list[list[Tensor] | Exception]:
        if len(batch) == 1:
            return [self._compute_alone(batch[0])]
        joined = {
            spec.name: np.concatenate([job.inputs[spec.name] for job in batch])
            for spec in self._signature.inputs
        }
        names = [spec.name for spec in self._signature.outputs]
        try:
            results = dict(zip(names, self._session.run(names, joined), strict=True))
        except Exception:  # whose row it was is not said: each fails or succeeds alone
            return [self._compute_alone(job) for job in batch]
        answers: list[list[Tensor] | Exception] = []
        at = 0
        for job in batch:
            answers.append([results[name][at : at + job.rows] for name in job.outputs])
            at += job.rows
        return answers

    def _compute_alone(self, job: _Job) -> list[Tensor] | Exception:
        try:
            return self._session.run(job.outputs, job.inputs)
        except Exception as error:
            return error


def _deliver(batch: Sequence[_Job], answers: Sequence[list[Tensor] | Exception], run: _Run) -> None:
    for job, answer in zip(batch, answers, strict=True):
        if job.future.done():  # the caller went away while it ran
            continue
        if isinstance(answer, Exception):
            job.future.set_exception(_as_ours(answer))
        else:
            timing = Timing(run.begun - job.arrived, run.seconds, run.rows)
            job.future.set_result((answer, timing))


def _together(timings: Sequence[Timing]) -> Timing:
    """Of a request that was split: its longest wait, all of its work, its largest run."""
    return Timing(
        max(timing.queue_s for timing in timings),
        sum(timing.compute_s for timing in timings),
        max(timing.batch_rows for timing in timings),
    )


def _as_ours(error: Exception) -> EaselError:
    return error if isinstance(error, EaselError) else EaselError(f"the model failed: {error}")
