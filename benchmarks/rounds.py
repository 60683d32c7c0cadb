"""Short measurements of all competitors in turn, round after round, and their medians.

A shared machine is slow for minutes at a time.  Competitors that take turns within
seconds suffer alike, so a ratio is taken within each round and its median reported.  Of
all rounds the quietest count: those in which other programs took the least of the
processors, whatever the result was.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TypeVar

from benchmarks.load import Load, Slice
from benchmarks.processes import BenchError, busy_s

_NOISY = 0.15
_LOOK_S = 0.1
_COUNTED = 0.6  # of the rounds

Kept = TypeVar("Kept")


@dataclass(frozen=True, slots=True)
class Trial:
    """One competitor under one load.

    Attributes:
        workload: What is compared with what: trials of one workload and load.
        name: The competitor's.
        load: How many callers.
        rows: Images in a request.
        measure: Loads it for so many seconds.
    """

    workload: str
    name: str
    load: Load
    rows: int
    measure: Callable[[float], Slice]


@dataclass(slots=True)
class Series:
    """What a trial came to, round by round.

    Attributes:
        trial: Which.
        slices: One a round; fewer after a failure.
        failure: Why it was given up; empty when it was not.
    """

    trial: Trial
    slices: list[Slice]
    failure: str = ""

    def median(self, attribute: str) -> float:
        """Median over the quietest rounds of one of Slice's attributes."""
        kept = _quietest(self.slices, lambda each: each.foreign)
        return float(median(getattr(each, attribute) for each in kept))


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured.

    Attributes:
        rounds: How often each trial has its turn.
        slice_s: Seconds of one turn.
    """

    rounds: int
    slice_s: float


class Patience:
    """Seconds that a run may still lose to its neighbours on the machine."""

    def __init__(self, seconds: float) -> None:
        self._left_s = seconds

    def wait_for_quiet(self) -> None:
        """Wait while others keep the processors busy.  Nothing of ours may be running."""
        while self._left_s > 0:
            before = busy_s()
            time.sleep(_LOOK_S)
            if busy_s() - before <= _NOISY * _LOOK_S * (os.cpu_count() or 1):
                return
            self._left_s -= _LOOK_S

    def allows_another(self, slice_: Slice) -> bool:
        """Whether a disturbed measurement is to be made again; that costs its time."""
        if slice_.foreign <= _NOISY or self._left_s <= 0:
            return False
        self._left_s -= slice_.seconds
        return True


def run_rounds(
    trials: Sequence[Trial], effort: Effort, patience: Patience, tell: Callable[[str], None]
) -> list[Series]:
    """Measure every trial once a round, those of one load next to each other.

    Args:
        trials: In the order of the report.
        effort: How often and how long.
        patience: Shared by all the run.
        tell: Called with a line of progress.
    """
    series = [Series(trial, []) for trial in trials]
    tell(f"warming up {len(trials)} trials")
    for each in series:
        _measure(each, effort.slice_s / 2)
    loads = _by_load(series)
    for number in range(effort.rounds):
        tell(f"round {number + 1} of {effort.rounds}")
        for group in loads:
            # Nobody always comes first, or always after the same neighbour.
            at = number % len(group)
            for each in [*group[at:], *group[:at]]:
                patience.wait_for_quiet()
                measured = _measure(each, effort.slice_s)
                while measured and patience.allows_another(measured):
                    patience.wait_for_quiet()
                    measured = _measure(each, effort.slice_s)
                if measured:
                    each.slices.append(measured)
    return series


def ratio(of: Series, to: Series) -> float | None:
    """Median over the quietest rounds of the two rates' ratio; None when one was given up."""
    if of.failure or to.failure:
        return None
    rounds = list(zip(of.slices, to.slices, strict=True))
    kept = _quietest(rounds, lambda pair: pair[0].foreign + pair[1].foreign)
    return median(mine.rate / other.rate for mine, other in kept)


def find(series: Iterable[Series], workload: str, name: str, load: Load) -> Series | None:
    """The series of one trial; None when it was not part of the run."""
    for each in series:
        if (each.trial.workload, each.trial.name, each.trial.load) == (workload, name, load):
            return each
    return None


def _quietest(rounds: Sequence[Kept], foreign: Callable[[Kept], float]) -> list[Kept]:
    return sorted(rounds, key=foreign)[: math.ceil(len(rounds) * _COUNTED)]


def _measure(series: Series, seconds: float) -> Slice | None:
    if series.failure:
        return None
    try:
        return series.trial.measure(seconds)
    except BenchError as error:
        series.failure = str(error)
        return None


def _by_load(series: Sequence[Series]) -> list[list[Series]]:
    groups: dict[tuple[str, Load], list[Series]] = {}
    for each in series:
        groups.setdefault((each.trial.workload, each.trial.load), []).append(each)
    return list(groups.values())
