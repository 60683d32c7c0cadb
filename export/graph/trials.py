"""What was asked to be tried on a graph, by what it must win, and the table of what came of it."""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from export.graph.stopwatch import Timing
from export.tensors import Tensors

FLOAT, OPTIMIZED, FLOAT16 = "float32", "optimized", "float16 storage"
STATIC, DYNAMIC = "int8 static", "int8 dynamic"


@dataclass(frozen=True, slots=True)
class Wants:
    """What the author asked to have tried."""

    optimize: bool = False
    quantize: bool = False
    float16: bool = False

    @property
    def any(self) -> bool:
        """Whether there is something to try."""
        return self.optimize or self.quantize or self.float16


@dataclass(frozen=True, slots=True)
class Margins:
    """What a candidate must win by.

    Attributes:
        speedup: How many times faster a quantised graph must be; and nowhere slower.
        agreement: Share of answers that must be the float model's, where there are no labels.
        accuracy_loss: With labels: how much of the float model's accuracy may be lost, as a
            share; 0.005 is half a point.
    """

    speedup: float = 1.2
    agreement: float = 0.99
    accuracy_loss: float = 0.005


@dataclass(frozen=True, slots=True)
class Evidence:
    """What candidates are judged on.

    Attributes:
        samples: Wire tensors by name.
        reference: What the source model answers to them.
        labels: The right class of each row; None if nobody knows.
        are_random: Whether the samples are noise: enough to time on, not to calibrate on.
        has_batch: Whether axis 0 of the samples is a batch axis.
    """

    samples: Tensors
    reference: Tensors
    labels: NDArray[np.integer[Any]] | None = None
    are_random: bool = False
    has_batch: bool = True


@dataclass(frozen=True, slots=True)
class Trial:
    """One row of the table.

    Attributes:
        candidate: What was tried.
        verdict: What became of it and why, for people.
        bytes: Of the file.
        timings: Median times.
        speedup: The float graph's time to this one's, the geometric mean over all settings.
        agreement: Share of answers that are the source's.
        accuracy: Share of right answers; None without labels.
        has_won: Whether it beat the float graph by the margins.
        is_chosen: Whether this one is published.
    """

    candidate: str
    verdict: str
    bytes: int = 0
    timings: tuple[Timing, ...] = ()
    speedup: float = 1.0
    agreement: float = 0.0
    accuracy: float | None = None
    has_won: bool = False
    is_chosen: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """What is published, and the whole table."""

    path: Path
    trials: tuple[Trial, ...]
    notes: tuple[str, ...] = ()

    @property
    def chosen(self) -> Trial:
        """The row of what is published."""
        return next(trial for trial in self.trials if trial.is_chosen)

    def to_json(self) -> dict[str, Any]:
        """For the manifest or the report."""
        return {
            "trials": [asdict(trial) for trial in self.trials],
            "notes": list(self.notes),
        }


def table_of(choice: Choice) -> Table:
    """The trials for people: one row for each, the published one marked."""
    table = Table(title="what was tried, measured on this machine", title_justify="left")
    settings = [timing.setting for timing in choice.trials[0].timings]
    table.add_column("candidate")
    for heading in ("bytes", *map(str, settings), "same answers", "right"):
        table.add_column(heading, justify="right")
    table.add_column("verdict")
    for trial in choice.trials:
        times = [f"{timing.ms:.2f} ms" for timing in trial.timings] or ["-"] * len(settings)
        is_measured = bool(trial.timings)
        table.add_row(
            f"[green]{trial.candidate}[/]" if trial.is_chosen else trial.candidate,
            f"{trial.bytes:,}" if is_measured else "-",
            *times,
            f"{trial.agreement:.1%}" if is_measured else "-",
            "-" if trial.accuracy is None else f"{trial.accuracy:.1%}",
            trial.verdict,
        )
    return table


def add_flags(parser: argparse.ArgumentParser) -> None:
    """``--optimize``, ``--quantize``, ``--float16`` and the margins; read by ``from_flags``."""
    group = parser.add_argument_group(
        "speed and size", "each is measured on this machine; the float model stays unless beaten"
    )
    add = group.add_argument
    defaults = Margins()
    add("--optimize", action="store_true", help="try the graph rearranged ahead of time")
    add("--quantize", action="store_true", help="try 8-bit weights and activations")
    add("--float16", action="store_true", help="try weights stored in half the bytes")
    add("--min-speedup", type=float, default=defaults.speedup, metavar="TIMES",
        help=f"what 8 bits must gain at least (default {defaults.speedup:g})")  # fmt: skip
    add("--min-agreement", type=float, default=defaults.agreement, metavar="SHARE",
        help=f"of answers that stay the same (default {defaults.agreement:g})")  # fmt: skip
    add("--max-accuracy-loss", type=float, default=100 * defaults.accuracy_loss, metavar="POINTS",
        help="of accuracy, where the samples have labels "
        f"(default {100 * defaults.accuracy_loss:g})")  # fmt: skip


def from_flags(flags: argparse.Namespace) -> tuple[Wants, Margins]:
    """What ``add_flags`` read."""
    return (
        Wants(flags.optimize, flags.quantize, flags.float16),
        Margins(flags.min_speedup, flags.min_agreement, flags.max_accuracy_loss / 100),
    )
