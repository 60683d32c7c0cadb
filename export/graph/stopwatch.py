"""How long graphs take on this machine, measured in turns so that a busy moment hits all alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Protocol

import numpy as np

from export.graph.session import open_session, run
from export.tensors import Tensors


@dataclass(frozen=True, slots=True)
class Setting:
    """How a graph is run.

    Attributes:
        batch: Rows in a call; 0 for a graph without a batch axis.
        threads: Of one run; 0 for every core, as a server with nothing else to do has them.
    """

    batch: int
    threads: int

    def __str__(self) -> str:
        threads = "all cores" if self.threads == 0 else f"{self.threads} thread"
        return f"batch {self.batch}, {threads}" if self.batch else threads


_LEAST_ROUNDS = 5
SETTINGS = (Setting(1, 1), Setting(8, 1), Setting(1, 0), Setting(8, 0))


@dataclass(frozen=True, slots=True)
class Timing:
    """The median time of a call.

    Attributes:
        setting: How it was run.
        ms: Milliseconds.
    """

    setting: Setting
    ms: float


class Stopwatch(Protocol):
    """Measures; a test's own one tells what it was told."""

    def medians(
        self, setting: Setting, calls: Mapping[str, Callable[[], object]]
    ) -> Mapping[str, float]:
        """Median seconds of one call of each, by name."""
        ...


@dataclass(frozen=True, slots=True)
class InTurns:
    """The real stopwatch: a call of each, there and back again.

    Attributes:
        rounds: At most; a round calls everything once, every second one from the end.
        budget_s: No round is begun after this time, but five are always done.
        clock: Seconds that only grow.
    """

    rounds: int = 40
    budget_s: float = 4.0
    clock: Callable[[], float] = time.perf_counter

    def medians(
        self,
        setting: Setting,  # noqa: ARG002
        calls: Mapping[str, Callable[[], object]],
    ) -> Mapping[str, float]:
        """As the port says; each is called twice before, to warm up."""
        for call in calls.values():
            call()
            call()
        times: dict[str, list[float]] = {name: [] for name in calls}
        begun = self.clock()
        for done in range(self.rounds):
            if done >= _LEAST_ROUNDS and self.clock() - begun > self.budget_s:
                break
            # Whoever always came after the largest would always find the caches cold.
            for name, call in list(calls.items())[:: -1 if done % 2 else 1]:
                before = self.clock()
                call()
                times[name].append(self.clock() - before)
        return {name: median(taken) for name, taken in times.items()}


def time_graphs(
    graphs: Mapping[str, Path], inputs: Tensors, stopwatch: Stopwatch, *, has_batch: bool
) -> Mapping[str, tuple[Timing, ...]]:
    """Time every graph on the same rows, one setting after the other.

    Raises:
        ExportRefused: ONNX Runtime cannot load one of them.
    """
    found: dict[str, list[Timing]] = {name: [] for name in graphs}
    for setting in SETTINGS if has_batch else _without_batch():
        rows = _rows(inputs, setting.batch)
        sessions = {
            name: open_session(path, threads=setting.threads) for name, path in graphs.items()
        }
        calls = {name: partial(run, session, rows) for name, session in sessions.items()}
        for name, seconds in stopwatch.medians(setting, calls).items():
            found[name].append(Timing(setting, 1e3 * seconds))
    return {name: tuple(timings) for name, timings in found.items()}


def _without_batch() -> Sequence[Setting]:
    return tuple(dict.fromkeys(Setting(0, setting.threads) for setting in SETTINGS))


def _rows(inputs: Tensors, batch: int) -> Tensors:
    if not batch:
        return inputs
    return {
        name: np.take(tensor, range(batch), axis=0, mode="wrap") for name, tensor in inputs.items()
    }
