"""Requests that wait together run together.

Work-conserving unless told otherwise: nothing waits for company.  Requests that arrive
while the loop or the session is busy are joined into one run; one that is alone runs at
once.  Runs that are cheaper than a thread switch happen on the event loop, the others in a
thread, and end early when nobody waits for them any more.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence
from concurrent.futures import Executor

from model_store.errors import Overloaded, ServableNotReady
from model_store.spec import Signature
from serving.api.calls import Tensors
from serving.engine.computing import Program, compute, padded_rows
from serving.engine.floor import Floor
from serving.engine.jobs import Job, JobQueue, Timed, due, split
from serving.engine.limits import BatchLimits
from serving.engine.runs import InThread, Run, deliver, joined
from serving.engine.session import Abort, Session
from serving.engine.statistics import Statistics

# Share of a new run's cost that enters the estimates: of the worst, and of the mean.
_TRUST, _TRUST_MEAN = 0.05, 0.2
_LEAST_RETRY_S = 0.1


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
        floor: Floor,
    ) -> None:
        """Begin empty.

        *row_s* is a first guess of a row's cost, corrected by each run; *floor* is all
        models' of this process.
        """
        self._floor = floor
        self._is_batched = signature.may_join
        self._max_rows = limits.max_rows if self._is_batched else 1
        self._limits = limits
        self._executor = executor
        self._program = Program(
            session,
            tuple(spec.name for spec in signature.inputs),
            tuple(spec.name for spec in signature.outputs),
            limits.allowed_rows if self._is_batched else (),
        )
        self._axes = self._program.inputs if self._is_batched else ()
        self._worst_row_s = row_s
        self._mean_row_s = row_s if math.isfinite(row_s) else 0.0
        self._queue = JobQueue()
        self._gone_rows = 0
        self._is_scheduled = False
        self._due = math.inf
        self._timer: asyncio.TimerHandle | None = None
        self._in_threads: dict[asyncio.Task[None], InThread] = {}
        self.statistics = Statistics()

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of all outputs, in the signature's order."""
        return self._program.outputs

    @property
    def waiting_rows(self) -> int:
        """Rows in the queue now."""
        return self._queue.rows

    async def run(
        self,
        inputs: Tensors,
        outputs: tuple[str, ...],
        deadline: float | None,
        priority: int = 0,
    ) -> Timed:
        """Compute *outputs* for one request, in that order, and say how long that took.

        Args:
            inputs: Checked against the signature already.
            outputs: Names from the signature.
            deadline: On the event loop's clock; work that begins later is dropped.
            priority: 0 is usual; a higher one passes those that came a little before.

        Raises:
            Overloaded: Too many rows wait already, or for too long.
            DeadlineExceeded: The deadline passed before the run began.
        """
        if self._queue.rows:
            self._refuse_beyond_limits(inputs)
        loop = asyncio.get_running_loop()
        self._floor.enter(self)
        try:
            jobs = split(inputs, outputs, self._axes, self._max_rows, deadline=deadline, loop=loop)
            self._begin(jobs, priority, loop)
            try:
                if len(jobs) == 1:
                    timed = await jobs[0].future
                else:
                    timed = joined(
                        outputs, await asyncio.gather(*[job.future for job in jobs]), jobs
                    )
            except BaseException:  # cancelled, or one part of several failed: nobody wants the rest
                self._forget(jobs)
                self.statistics.note_failure(loop.time() - jobs[0].arrived)
                raise
        finally:
            self._floor.leave()
        rows = jobs[0].rows if len(jobs) == 1 else sum([job.rows for job in jobs])
        self.statistics.note_success(rows, timed[1], loop.time() - jobs[0].arrived)
        return timed

    def _begin(self, jobs: Sequence[Job], priority: int, loop: asyncio.AbstractEventLoop) -> None:
        """Compute *jobs* at once, or let them wait together with others."""
        if self._is_alone(jobs):
            self._finish(self._compute(jobs, loop))
            return
        for job in jobs:
            self._queue.push(job, priority)
        if self._limits.timeout_s:
            self._due = min(self._due, due(jobs[0], self._limits.timeout_s))
        self._schedule(loop)

    @property
    def limits(self) -> BatchLimits:
        """How requests are joined."""
        return self._limits

    def _is_alone(self, jobs: Sequence[Job]) -> bool:
        """Whether nobody waits or is about to, and the run is short: it needs no queue then."""
        job = jobs[0]
        return not (
            len(jobs) > 1
            or len(self._queue)
            or self._in_threads
            or self._limits.timeout_s
            or not self._is_inline(job.rows)
            or self._floor.has_company()
            or (job.deadline is not None and job.deadline <= job.arrived)
        )

    def _is_inline(self, rows: int) -> bool:
        """Whether a run of so many *rows* happens on the event loop."""
        expected_s, inline_s = self._worst_row_s * rows, self._limits.inline_s
        return expected_s <= inline_s or (
            inline_s > 0
            and not self._in_threads
            and self._floor.is_free(expected_s, is_last=not len(self._queue))
        )

    def _refuse_beyond_limits(self, inputs: Tensors) -> None:
        """Raise Overloaded if the queue has no room; one request alone always has."""
        rows = len(inputs[self._program.inputs[0]]) if self._is_batched else 1
        if self._has_room(rows):
            return
        if self._gone_rows:  # rows that nobody waits for keep nobody out
            self._queue.purge(asyncio.get_running_loop().time())
            self._gone_rows = 0
            if not self._queue.rows or self._has_room(rows):
                return
        self.statistics.note_failure(0.0)
        raise Overloaded(
            f"the queue is full: {self._queue.rows} rows wait, about {self.queue_s():.2g} s of "
            f"work; {self._limits.max_waiting_rows} rows or {self._limits.max_queue_s:g} s may",
            retry_after_s=max(self.queue_s() / 2, _LEAST_RETRY_S),
        )

    def _has_room(self, rows: int) -> bool:
        return (
            self._queue.rows + rows <= self._limits.max_waiting_rows
            and self.queue_s() <= self._limits.max_queue_s
        )

    def queue_s(self) -> float:
        """Expected seconds until all that waits now has begun."""
        return self._queue.rows * self._mean_row_s / self._limits.lanes

    def _forget(self, jobs: Sequence[Job]) -> None:
        """Nobody waits for *jobs*: let no run begin for them, and end runs for them alone."""
        for job in jobs:
            if not job.future.done():
                job.future.cancel()
            elif not job.future.cancelled():
                job.future.exception()  # seen; asyncio would complain
            self._gone_rows += job.rows
        for run in self._in_threads.values():
            if all([job.future.done() for job in run.batch]):
                run.abort.set()

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        """Look at the queue once the loop has read what has arrived by now."""
        if not self._is_scheduled and len(self._in_threads) < self._limits.lanes:
            self._is_scheduled = True
            loop.call_soon(self._dispatch, loop)

    def _dispatch(self, loop: asyncio.AbstractEventLoop) -> None:
        self._is_scheduled = False
        now = loop.time()
        if self._limits.timeout_s and self._waits_for_company(now, loop):
            return
        batch = self._queue.take(now, self._share())
        if self._limits.timeout_s:
            self._due = self._queue.due(self._limits.timeout_s)
        if not batch:
            return
        if self._is_inline(sum([job.rows for job in batch])):
            self._finish(self._compute(batch, loop))
        else:
            task = loop.create_task(self._run_in_thread(batch, abort := Abort()))
            self._in_threads[task] = InThread(batch, abort)
        if self._queue.rows or len(self._queue):
            self._schedule(loop)

    def _share(self) -> int:
        """Rows of the next run: as many as fit, or where lanes stand idle its fair part.

        Callers that wait for one long run come back all at once, and would for ever fill
        one lane while the others have nothing to do.
        """
        free = self._limits.lanes - len(self._in_threads)
        rows = self._queue.rows
        if free < 2 or rows < 2 or self._limits.timeout_s:
            return self._max_rows
        share = -(-rows // free)
        if share * self._worst_row_s <= self._limits.inline_s:
            return self._max_rows
        return min(self._max_rows, padded_rows(share, self._program.allowed_rows))

    def _waits_for_company(self, now: float, loop: asyncio.AbstractEventLoop) -> bool:
        """Whether there is room in the next run, and time; if so, look again at its end."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._queue.rows >= self._max_rows or now >= self._due or not len(self._queue):
            return False
        self._timer = loop.call_at(self._due, self._schedule, loop)
        return True

    async def _run_in_thread(self, batch: Sequence[Job], abort: Abort) -> None:
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        try:
            work = loop.run_in_executor(self._executor, self._compute, batch, loop, abort)
            self._finish(await work)
        except RuntimeError as error:  # the executor takes no more work
            gone = ServableNotReady(f"the server is shutting down: {error}")
            deliver(Run(batch, [gone] * len(batch), loop.time(), 0.0, 0))
        finally:
            assert task is not None
            del self._in_threads[task]
            self._schedule(loop)

    def _compute(
        self,
        batch: Sequence[Job],
        loop: asyncio.AbstractEventLoop,
        abort: Abort | None = None,
    ) -> Run:
        """Run *batch*; with *abort* in a thread, where some may have left before it begins."""
        if abort is not None:
            batch = [job for job in batch if not job.future.done()]
        begun, busy = loop.time(), time.thread_time()
        outcomes = compute(self._program, batch, abort) if batch else []
        busy_s = time.thread_time() - busy
        run = Run(batch, outcomes, begun, loop.time() - begun, sum([job.rows for job in batch]))
        if abort is None or not abort.is_set:
            self._observe(busy_s / max(run.rows, 1), run.seconds / max(run.rows, 1))
        return run

    def _finish(self, run: Run) -> None:
        """Count the run and answer its callers; on the event loop."""
        if run.rows:
            self.statistics.note_run(run.rows, run.seconds)
        deliver(run)

    def _observe(self, busy_s: float, row_s: float) -> None:
        """Believe a slow run at once and fast ones slowly: a long run blocks the loop.

        What blocks is the thread's own work.  The clock on the wall also counts waiting for
        the interpreter, which is longest when runs happen in threads under load: judged by
        it, one hiccup would send all later runs there for good.
        """
        self._mean_row_s += _TRUST_MEAN * (row_s - self._mean_row_s)
        self._worst_row_s = max(busy_s, self._worst_row_s + _TRUST * (busy_s - self._worst_row_s))
