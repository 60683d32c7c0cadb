"""What one process can say of its models, and what several say together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields

from prometheus_client import ProcessCollector

from model_store.errors import ServableNotReady
from model_store.spec import ModelVersion
from serving.engine.engine import Engine
from serving.engine.statistics import Statistics, total
from serving.engine.status import LoadCounts, State, VersionStatus

_PROCESS = ProcessCollector(registry=None)
# A time, and a limit that each process has for itself.
_NOT_ADDED = ("process_start_time_seconds", "process_max_fds")
# Of two workers that differ, the state further left is true of both together.
_FROM_LEAST = (State.START, State.LOADING, State.END, State.UNLOADING, State.AVAILABLE)


@dataclass(frozen=True, slots=True)
class Report:
    """The models of one process, or of all that share its ports.

    Attributes:
        is_ready: Whether everything wanted can be called.
        has_looked: Whether it is known yet which models there are.
        models: Names of those that are to be served, in order.
        statuses: By model, those that are wanted no more included.
        done: What each version that can be called has done.
        waiting: Rows in its queue.
        loads: By model, what has happened to its versions.
        problems: By model, what of its configuration could not be done.
        process: Prometheus' usual numbers of a process, by name: memory, time, descriptors.
    """

    is_ready: bool
    has_looked: bool
    models: tuple[str, ...] = ()
    statuses: Mapping[str, tuple[VersionStatus, ...]] = field(default_factory=dict)
    done: Mapping[ModelVersion, Statistics] = field(default_factory=dict)
    waiting: Mapping[ModelVersion, int] = field(default_factory=dict)
    loads: Mapping[str, LoadCounts] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)
    process: Mapping[str, float] = field(default_factory=dict)

    def of(self, name: str) -> tuple[VersionStatus, ...]:
        """Every version of a model that was tried, ascending; empty when it is unknown.

        Raises:
            ServableNotReady: Nobody has looked yet which models there are.
        """
        if name not in self.statuses and not self.has_looked:
            raise ServableNotReady(
                f"{name} is not ready: the server is loading its models; try again"
            )
        return self.statuses.get(name, ())


def report_of(engine: Engine) -> Report:
    """What *engine* can say by now."""
    servables = {servable.model: servable.batchers.values() for servable in engine.servables()}
    return Report(
        engine.is_ready,
        engine.has_looked,
        engine.models(),
        engine.all_statuses(),
        {model: total(each.statistics for each in them) for model, them in servables.items()},
        {model: sum(each.waiting_rows for each in them) for model, them in servables.items()},
        engine.load_counts(),
        engine.problems(),
        {family.name: family.samples[0].value for family in _PROCESS.collect()},
    )


def together(reports: Sequence[Report]) -> Report:
    """What several processes say as one: a version is there when all of them have it."""
    names = sorted({name for each in reports for name in each.statuses})
    models = {model for each in reports for model in each.done}
    return Report(
        all(each.is_ready for each in reports),
        all(each.has_looked for each in reports),
        tuple(sorted({name for each in reports for name in each.models})),
        {name: _statuses([each.statuses.get(name, ()) for each in reports]) for name in names},
        {
            model: total(each.done[model] for each in reports if model in each.done)
            for model in models
        },
        {model: sum(each.waiting.get(model, 0) for each in reports) for model in models},
        _loads([each.loads for each in reports]),
        {name: why for each in reports for name, why in each.problems.items()},
        _process([each.process for each in reports]),
    )


def _statuses(parts: Sequence[Iterable[VersionStatus]]) -> tuple[VersionStatus, ...]:
    """One model's versions, of what each process says of them."""
    found: dict[ModelVersion, list[VersionStatus]] = {}
    for part in parts:
        for status in part:
            found.setdefault(status.model, []).append(status)
    return tuple(
        _status(found[model], everybody=len(parts))
        for model in sorted(found, key=lambda model: model.number)
    )


def _status(said: Sequence[VersionStatus], *, everybody: int) -> VersionStatus:
    least = min(said, key=lambda each: (_FROM_LEAST.index(each.state), not each.error))
    if len(said) < everybody and least.state is State.AVAILABLE:
        return VersionStatus(least.model, State.START)  # one has not seen it yet
    return least


def _process(parts: Sequence[Mapping[str, float]]) -> dict[str, float]:
    found: dict[str, list[float]] = {}
    for part in parts:
        for name, value in part.items():
            found.setdefault(name, []).append(value)
    return {
        name: min(values) if name in _NOT_ADDED else sum(values) for name, values in found.items()
    }


def _loads(parts: Sequence[Mapping[str, LoadCounts]]) -> dict[str, LoadCounts]:
    """Each version is loaded by every process: that is one load, not several."""
    return {
        name: LoadCounts(
            *(
                max(getattr(part[name], each.name) for part in parts if name in part)
                for each in fields(LoadCounts)
            )
        )
        for name in {name: None for part in parts for name in part}
    }
