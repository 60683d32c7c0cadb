"""Figures to reach, and those of the model server, computed from a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.load import Load
from benchmarks.processes import Memory
from benchmarks.rounds import Series, find, ratio

UNARY = "grpc-unary"
BATCH = "grpc-batch"
EASEL_OIP = "easel serve, ModelInfer"
EASEL_TFS = "easel serve, Predict"
BARE = ("bare grpcio, 8 threads", "bare grpc.aio, uvloop")
SERVE = "easel serve"
BATCH_LOAD = Load(4)


@dataclass(frozen=True, slots=True)
class Figure:
    """One promise and what came of it.

    Attributes:
        text: What is measured.
        wanted: The bound.
        got: The measurement; None when it was not made.
        unit: ``x`` or ``MB``.
        is_ceiling: Whether it is to stay below the bound.
    """

    text: str
    wanted: float
    got: float | None
    unit: str
    is_ceiling: bool = False

    @property
    def verdict(self) -> str:
        """``reached``, ``MISSED`` or ``not measured``."""
        if self.got is None:
            return "not measured"
        is_reached = self.got < self.wanted if self.is_ceiling else self.got >= self.wanted
        return "reached" if is_reached else "MISSED"


def best(
    series: Sequence[Series], workload: str, names: Sequence[str], load: Load
) -> Series | None:
    """Of the named competitors the one with the highest median rate."""
    found = [find(series, workload, name, load) for name in names]
    measured = [each for each in found if each is not None and not each.failure]
    return max(measured, key=lambda each: each.median("rate"), default=None)


def compute(
    series: Sequence[Series], memory: Mapping[str, Sequence[Memory]], limits: Sequence[str]
) -> list[Figure]:
    """Every figure of the issue.

    Args:
        series: The run.
        memory: Each service's processes, largest first.
        limits: Names of the in-process limits, the easier first.
    """

    def times(
        workload: str, name: str, load: Load, others: Sequence[str], at: Load
    ) -> float | None:
        mine = find(series, workload, name, load)
        other = best(series, workload, others, at)
        return None if mine is None or other is None else ratio(mine, other)

    unary = [
        Figure(
            f"easel serve, one image, {load} callers, over the better bare grpcio server",
            1.8, times(UNARY, EASEL_OIP, load, BARE, load), "x",
        )
        for load in (Load(8), Load(32))
    ]  # fmt: skip
    batches = [
        Figure(
            f"easel serve, batches of 64, {BATCH_LOAD} callers, over the {limit}",
            0.7, times(BATCH, EASEL_OIP, BATCH_LOAD, [limit], Load(0)), "x",
        )
        for limit in limits
    ]  # fmt: skip
    return [
        *unary,
        *batches,
        Figure(
            "easel serve, resident after the load", 220.0, largest(memory.get(SERVE)), "MB",
            is_ceiling=True,
        ),
    ]  # fmt: skip


def largest(processes: Sequence[Memory] | None) -> float | None:
    """Megabytes of the largest process; None when there is none."""
    return processes[0].megabytes if processes else None
