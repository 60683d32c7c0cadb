"""Rows that wait for a run: in which order they go, and with whom.

Knows neither sessions nor threads; ``batching.Batcher`` owns one queue for a signature.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush

from model_store.errors import DeadlineExceeded
from serving.api.calls import Tensor, Tensors, Timing

# A level of priority is worth this much waiting, and no request gains or loses more than
# ten: so nobody waits for ever behind those who come later.
PRIORITY_S = 1.0
_MOST_LEVELS = 10
# Jobs of other shapes that are looked past for company.
_LOOK_AHEAD = 128

Shape = tuple[tuple[int, ...], ...]
Timed = tuple[list[Tensor], Timing]


@dataclass(slots=True, eq=False)
class Job:
    """One request's rows, or a part of them when it was split.

    Attributes:
        inputs: Checked against the signature.
        outputs: Names of the wanted ones.
        rows: Length of the batch axis; 1 without one.
        shapes: Of the inputs, without the batch axis; only equal ones run together.
        deadline: On the event loop's clock; what begins later is dropped.
        arrived: On the same clock.
        future: Done when answered, or when nobody waits any more.
    """

    inputs: Tensors
    outputs: tuple[str, ...]
    rows: int
    shapes: Shape
    deadline: float | None
    arrived: float
    future: asyncio.Future[Timed]


def split(
    inputs: Tensors,
    outputs: tuple[str, ...],
    batched: Sequence[str],
    max_rows: int,
    *,
    deadline: float | None,
    loop: asyncio.AbstractEventLoop,
) -> list[Job]:
    """A request's jobs, of *max_rows* at most.

    Args:
        inputs: Checked against the signature.
        outputs: Names of the wanted ones.
        batched: Names of all inputs; none where there is no batch axis to cut.
        max_rows: Of one run.
        deadline: On the loop's clock.
        loop: Whose futures they are answered by.
    """
    now = loop.time()
    if not batched:
        return [Job(inputs, outputs, 1, (), deadline, now, loop.create_future())]
    tensors = [inputs[name] for name in batched]
    rows = len(tensors[0])
    shapes = tuple([tensor.shape[1:] for tensor in tensors])
    if rows <= max_rows:
        return [Job(inputs, outputs, rows, shapes, deadline, now, loop.create_future())]
    return [
        Job(
            {name: tensor[at : at + max_rows] for name, tensor in inputs.items()},
            outputs,
            min(max_rows, rows - at),
            shapes,
            deadline,
            now,
            loop.create_future(),
        )
        for at in range(0, rows, max_rows)
    ]


@dataclass(slots=True)
class JobQueue:
    """Jobs by arrival and priority.

    Attributes:
        rows: That wait; those whose caller went away count until they are met.
    """

    rows: int = 0
    _heap: list[tuple[float, int, Job]] = field(default_factory=list)
    _pushed: int = 0

    def __len__(self) -> int:
        """How many jobs wait."""
        return len(self._heap)

    def push(self, job: Job, priority: int = 0) -> None:
        """Add a job; one of a higher *priority* passes those that came a little before."""
        rank = job.arrived
        if priority:
            rank -= PRIORITY_S * max(-_MOST_LEVELS, min(priority, _MOST_LEVELS))
        self._pushed += 1  # jobs of one moment keep their order
        heappush(self._heap, (rank, self._pushed, job))
        self.rows += job.rows

    def take(self, now: float, max_rows: int) -> list[Job]:
        """Remove the next batch: the first job, and those after it that fit beside it.

        Jobs that nobody waits for are dropped on the way.
        """
        batch: list[Job] = []
        rows = 0
        others: list[tuple[float, int, Job]] = []
        heap = self._heap
        while heap and len(others) < _LOOK_AHEAD:
            job = heap[0][2]
            if _is_wanted(job, now) and batch:
                if job.shapes != batch[0].shapes:
                    others.append(heappop(heap))
                    continue
                if rows + job.rows > max_rows:
                    break
            heappop(heap)
            self.rows -= job.rows
            if not job.future.done():
                batch.append(job)
                rows += job.rows
        for entry in others:
            heappush(heap, entry)
        return batch

    def purge(self, now: float) -> None:
        """Drop every job that nobody waits for, so that its rows take no room."""
        self._heap = [entry for entry in self._heap if _is_wanted(entry[2], now)]
        heapify(self._heap)
        self.rows = sum(entry[2].rows for entry in self._heap)

    def due(self, timeout_s: float) -> float:
        """When the first of the jobs has waited *timeout_s*; inf when none waits."""
        return min((due(job, timeout_s) for _, _, job in self._heap), default=float("inf"))


def due(job: Job, timeout_s: float) -> float:
    """Until when *job* may wait for company, on the event loop's clock."""
    if job.deadline is None:
        return job.arrived + timeout_s
    # Half of the time is left for the run itself.
    return job.arrived + min(timeout_s, (job.deadline - job.arrived) / 2)


def _is_wanted(job: Job, now: float) -> bool:
    """Whether somebody waits for *job*; at its deadline it is told so."""
    if job.future.done():
        return False
    if job.deadline is not None and now >= job.deadline:
        job.future.set_exception(DeadlineExceeded("the deadline passed in the queue"))
        return False
    return True
