"""What workers tell each other of their models, as JSON.

Not a part of ``encoding``, as the supervisor needs none of it: what this imports would be
half of its memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from model_store.spec import ModelVersion
from serving.api.calls import ModelRef
from serving.crew.encoding import Data
from serving.crew.report import Report
from serving.engine.statistics import Spent, Statistics
from serving.engine.status import LoadCounts, State, VersionStatus


def encode_ref(ref: ModelRef) -> Data:
    """A reference, as JSON."""
    return [ref.name, ref.version, ref.label]


def decode_ref(data: Data) -> ModelRef:
    """Read what ``encode_ref`` wrote."""
    return ModelRef(*data)


def encode_report(report: Report) -> Data:
    """A report, as JSON."""
    return {
        "is_ready": report.is_ready,
        "has_looked": report.has_looked,
        "models": report.models,
        "statuses": {
            name: [[each.model.number, each.state.value, each.error] for each in them]
            for name, them in report.statuses.items()
        },
        "done": encode_done(report.done),
        "waiting": [[*_key(model), rows] for model, rows in report.waiting.items()],
        "loads": {name: asdict(counts) for name, counts in report.loads.items()},
        "problems": dict(report.problems),
        "process": dict(report.process),
    }


def decode_report(data: Data) -> Report:
    """Read what ``encode_report`` wrote."""
    return Report(
        data["is_ready"],
        data["has_looked"],
        tuple(data["models"]),
        {name: _statuses(name, them) for name, them in data["statuses"].items()},
        decode_done(data["done"]),
        {ModelVersion(name, number): rows for name, number, rows in data["waiting"]},
        {name: LoadCounts(**counts) for name, counts in data["loads"].items()},
        data["problems"],
        data["process"],
    )


def encode_done(done: Mapping[ModelVersion, Statistics]) -> Data:
    """What versions have done, as JSON."""
    return [[*_key(model), asdict(statistics)] for model, statistics in done.items()]


def decode_done(data: Data) -> dict[ModelVersion, Statistics]:
    """Read what ``encode_done`` wrote."""
    return {ModelVersion(name, number): _statistics(each) for name, number, each in data}


def _key(model: ModelVersion) -> tuple[str, int]:
    return model.name, model.number


def _statuses(name: str, data: Sequence[Data]) -> tuple[VersionStatus, ...]:
    return tuple(
        VersionStatus(ModelVersion(name, number), State(state), error)
        for number, state, error in data
    )


def _statistics(data: Data) -> Statistics:
    spent = {name: Spent(**data[name]) for name in ("success", "failure", "queue", "compute")}
    # JSON's keys are texts.
    batches = {int(rows): Spent(**each) for rows, each in data["batches"].items()}
    return Statistics(**{**data, **spent, "batches": batches})
