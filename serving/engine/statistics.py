"""What has been run, counted: of one signature, or of a version over its signatures.

Filled by the batcher on the event loop, a few additions a request; read by whoever
reports.  Counts only grow, from the moment the version was loaded.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from serving.api.calls import Timing


@dataclass(slots=True)
class Spent:
    """How often something happened, and for how many nanoseconds altogether."""

    count: int = 0
    ns: int = 0

    def add(self, seconds: float) -> None:
        """Count once more."""
        self.count += 1
        self.ns += int(seconds * 1e9)

    def add_all(self, other: Spent) -> None:
        """Count what *other* has counted."""
        self.count += other.count
        self.ns += other.ns


@dataclass(slots=True)
class Statistics:
    """Counts of requests and of runs.

    Attributes:
        rows: Of the requests that were answered.
        runs: Calls of the session; one may answer many requests.
        last_ms: When the last answer was given, milliseconds since 1970; 0 for never.
        success: Requests answered, with their whole time in the engine.
        failure: Requests that were not, likewise; those that went away are among them.
        queue: Waiting of the answered requests.
        compute: Running of the answered requests, each with the whole of its run.
        batches: Runs by the rows that they had.
    """

    rows: int = 0
    runs: int = 0
    last_ms: int = 0
    success: Spent = field(default_factory=Spent)
    failure: Spent = field(default_factory=Spent)
    queue: Spent = field(default_factory=Spent)
    compute: Spent = field(default_factory=Spent)
    batches: dict[int, Spent] = field(default_factory=dict)

    def note_run(self, rows: int, seconds: float) -> None:
        """The session was called once."""
        self.runs += 1
        batch = self.batches.get(rows)
        if batch is None:
            batch = self.batches[rows] = Spent()
        batch.add(seconds)

    def note_success(self, rows: int, timing: Timing, seconds: float) -> None:
        """A request was answered, *seconds* after it came."""
        self.rows += rows
        self.last_ms = time.time_ns() // 1_000_000
        self.success.add(seconds)
        self.queue.add(timing.queue_s)
        self.compute.add(timing.compute_s)

    def note_failure(self, seconds: float) -> None:
        """A request failed, was refused or was left, *seconds* after it came."""
        self.failure.add(seconds)


def total(parts: Iterable[Statistics]) -> Statistics:
    """One version's counts, of those of its signatures."""
    whole = Statistics()
    for part in parts:
        whole.rows += part.rows
        whole.runs += part.runs
        whole.last_ms = max(whole.last_ms, part.last_ms)
        whole.success.add_all(part.success)
        whole.failure.add_all(part.failure)
        whole.queue.add_all(part.queue)
        whole.compute.add_all(part.compute)
        for rows, spent in part.batches.items():
            whole.batches.setdefault(rows, Spent()).add_all(spent)
    return whole
