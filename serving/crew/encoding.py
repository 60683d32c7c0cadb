"""Messages between the processes of one server: lines of JSON, written and read here.

supervisor -> worker   settings, place, what is wanted: its first three lines
{"do": 7, "what": ..., "with": ...}
{"answer": 3, "replies": [{"from": 1, ...}, ...]}
worker -> supervisor   {"started": {...}}
{"ask": 3, "what": ..., "with": ...}
{"did": 7, "result": ..., "error": [kind, message], "wanted": ...}
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import Any

from model_store import errors
from model_store.errors import EaselError
from model_store.spec import ModelVersion
from serving.api.calls import ModelRef
from serving.api.regions import Region
from serving.crew.report import Report
from serving.engine.deployment import All, Latest, ModelConfig, Policy, Specific
from serving.engine.statistics import Spent, Statistics
from serving.engine.status import LoadCounts, State, VersionStatus

# As JSON has them.
Data = Any
Configs = tuple[ModelConfig, ...] | None

# What a line may be long: a report of thousands of versions.
LONGEST_LINE = 1 << 26


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a server is to serve by now, for a worker that begins.

    Attributes:
        named: The models that the operator names; None for every model of the store.
        configs: Those that are to be served: the same, until a caller wants others.
        unloaded: Names of models that are not to be served until they are loaded again.
        regions: Of shared memory, that calls may use.
    """

    named: Configs = None
    configs: Configs = None
    unloaded: tuple[str, ...] = ()
    regions: tuple[Region, ...] = ()


def to_line(message: Mapping[str, Data]) -> bytes:
    """One message as it is sent."""
    return json.dumps(message).encode() + b"\n"


def encode_wanted(wanted: Wanted) -> Data:
    """What is wanted, as JSON."""
    return [
        encode_configs(wanted.named),
        encode_configs(wanted.configs),
        list(wanted.unloaded),
        [encode_region(each) for each in wanted.regions],
    ]


def decode_wanted(data: Data) -> Wanted:
    """Read what ``encode_wanted`` wrote."""
    named, configs, unloaded, regions = data
    return Wanted(
        decode_configs(named), decode_configs(configs), tuple(unloaded),
        tuple(map(decode_region, regions)),
    )  # fmt: skip


def encode_region(region: Region) -> Data:
    """A region of shared memory, as JSON."""
    return astuple(region)


def decode_region(data: Data) -> Region:
    """Read what ``encode_region`` wrote."""
    return Region(*data)


def encode_configs(configs: Configs) -> Data:
    """Models to serve, as JSON."""
    return None if configs is None else [_encode_config(each) for each in configs]


def decode_configs(data: Data) -> Configs:
    """Read what ``encode_configs`` wrote."""
    return None if data is None else tuple(_decode_config(each) for each in data)


def _encode_config(config: ModelConfig) -> Data:
    policy: Data = "all"
    match config.policy:
        case Latest(count):
            policy = count
        case Specific(versions):
            policy = list(versions)
    labels = None if config.labels is None else dict(config.labels)
    return [config.name, str(config.folder), policy, labels, config.needs_manifest]


def _decode_config(data: Data) -> ModelConfig:
    name, folder, said, labels, needs_manifest = data
    policy: Policy = All()
    if isinstance(said, list):
        policy = Specific(tuple(said))
    elif isinstance(said, int):
        policy = Latest(said)
    return ModelConfig(name, Path(folder), policy, labels, needs_manifest)


def encode_ref(ref: ModelRef) -> Data:
    """A reference, as JSON."""
    return [ref.name, ref.version, ref.label]


def decode_ref(data: Data) -> ModelRef:
    """Read what ``encode_ref`` wrote."""
    return ModelRef(*data)


def encode_error(error: EaselError) -> Data:
    """A failure that a caller may be told, as JSON."""
    return [type(error).__name__, str(error)]


def decode_error(data: Data, sender: str = "") -> EaselError:
    """The same failure again; *sender* is put before what it says."""
    name, message = data
    kind = getattr(errors, name, EaselError)
    return kind(f"{sender}{message}")


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
