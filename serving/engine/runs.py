"""What a run came to, and giving it to those who wait.  On the event loop's thread only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from model_store.errors import EaselError
from serving.api.calls import Tensor, Timing
from serving.engine.computing import Outcome
from serving.engine.jobs import Job, Timed
from serving.engine.session import Abort


@dataclass(frozen=True, slots=True)
class Run:
    """What one call of the session came to.

    Attributes:
        batch: Whose rows were in it.
        outcomes: Of each of them.
        begun: On the event loop's clock.
        seconds: How long it took.
        rows: Of all of them.
    """

    batch: Sequence[Job]
    outcomes: Sequence[Outcome]
    begun: float
    seconds: float
    rows: int


@dataclass(frozen=True, slots=True, eq=False)
class InThread:
    """A batch that runs in a thread, and how to end that."""

    batch: Sequence[Job]
    abort: Abort


def deliver(run: Run) -> None:
    """Answer each job, as far as somebody still waits."""
    for job, outcome in zip(run.batch, run.outcomes, strict=True):
        if job.future.done():  # the caller went away while it ran
            continue
        if isinstance(outcome, Exception):
            job.future.set_exception(_as_ours(outcome))
        else:
            timing = Timing(run.begun - job.arrived, run.seconds, run.rows)
            job.future.set_result((outcome, timing))


def joined(outputs: Sequence[str], parts: Sequence[Timed], jobs: Sequence[Job]) -> Timed:
    """One answer of the parts of a request that was split.

    Raises:
        EaselError: The parts have not as many rows as were asked about.
    """
    rows = sum([job.rows for job in jobs])
    wholes: list[Tensor] = []
    for name, pieces in zip(outputs, zip(*[part for part, _ in parts], strict=True), strict=True):
        whole = np.concatenate(pieces)
        if len(whole) != rows:
            raise EaselError(f"output {name} has {len(whole)} rows for {rows}: send fewer at once")
        wholes.append(whole)
    return wholes, _together([timing for _, timing in parts])


def _together(timings: Sequence[Timing]) -> Timing:
    """Of a request that was split: its longest wait, all of its work, its largest run."""
    return Timing(
        max(timing.queue_s for timing in timings),
        sum(timing.compute_s for timing in timings),
        max(timing.batch_rows for timing in timings),
    )


def _as_ours(error: Exception) -> EaselError:
    return error if isinstance(error, EaselError) else EaselError(f"the model failed: {error}")
