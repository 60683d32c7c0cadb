"""The answer of ``/api/ops``: what is in the store, who is live, how it runs.

Its types are the route's documentation too.  Nothing here changes anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from adapter.ops.measured import Calls, Histogram, Sample, read_histogram, read_samples
from model_store.deployment import Deployment, live
from model_store.errors import BadVersion, EaselError, ServableNotFound
from model_store.folder import ModelFolder
from model_store.history import Change
from model_store.store import Store

_CALLS = "easel_request_seconds"
_REQUESTS = "easel_adapter_request_seconds"
_STATE = "easel_servable_state"
# When servers differ, what needs an operator's eye is shown.
_WORST_FIRST = ("end", "unloading", "start", "loading", "available")


class Version(msgspec.Struct, frozen=True):
    """One version of a model."""

    number: int
    tag: str
    created: str
    state: Annotated[str, Meta(description="as its model server says; end when it is not loaded")]
    problem: Annotated[str, Meta(description="why it cannot be used; empty when it can")]


class LastChange(msgspec.Struct, frozen=True):
    """What was changed last about who is live."""

    time: str
    actor: str
    action: str
    label: str
    before: int | None
    after: int | None
    reason: str


class Model(msgspec.Struct, frozen=True):
    """One model of the store."""

    name: str
    versions: tuple[Version, ...]
    labels: Annotated[Mapping[str, int], Meta(description="versions by version label")]
    live: Annotated[int, Meta(description="the version of a request that names none")]
    last_change: LastChange | None
    problem: Annotated[str, Meta(description="what is wrong with its files; empty when nothing")]


class Server(msgspec.Struct, frozen=True):
    """One model server."""

    name: str
    problem: Annotated[str, Meta(description="why it is not ready; empty when it is")]


class Measured(msgspec.Struct, frozen=True):
    """Calls of one model, version and outcome since the server started."""

    model: str
    version: str
    code: str
    counts: tuple[int, ...]
    sum_s: float


class Requests(msgspec.Struct, frozen=True):
    """Requests of one service and outcome since the adapter started."""

    service: str
    outcome: str
    counts: tuple[int, ...]
    sum_s: float


class Overview(msgspec.Struct, frozen=True):
    """All that the operations page shows."""

    time: Annotated[float, Meta(description="seconds since 1970, by the adapter's clock")]
    release: str
    services: tuple[str, ...]
    servers: tuple[Server, ...]
    models: tuple[Model, ...]
    bounds_s: Annotated[
        tuple[float, ...], Meta(description="upper bounds of the counts; the last has none")
    ]
    calls: tuple[Measured, ...]
    request_bounds_s: Annotated[
        tuple[float, ...], Meta(description="the same of the requests' counts")
    ]
    requests: Annotated[tuple[Requests, ...], Meta(description="as callers of the adapter see it")]
    missing: Annotated[tuple[str, ...], Meta(description="whose metrics were not to be had")]
    store_problem: Annotated[str, Meta(description="why the store cannot be read, if so")]


def read_calls(text: str) -> tuple[Histogram, Mapping[tuple[str, int], str]]:
    """The calls, and the states of versions, out of a model server's metrics."""
    samples = tuple(read_samples(text, (_CALLS, _STATE)))
    calls = read_histogram(samples, _CALLS, ("model", "version", "code"))
    return calls, _states(sample for sample in samples if sample.name == _STATE)


def read_requests(samples: Iterable[Sample]) -> Histogram:
    """The requests by service and outcome out of the adapter's own metrics."""
    return read_histogram(samples, _REQUESTS, ("service", "outcome"))


def to_requests(calls: Calls) -> Requests:
    """One row of the answer."""
    service, outcome = calls.key
    return Requests(service, outcome, calls.counts, calls.sum_s)


def to_measured(calls: Calls) -> Measured:
    """One row of the answer."""
    model, version, code = calls.key
    return Measured(model, version, code, calls.counts, calls.sum_s)


def read_models(store: Store, states: Mapping[tuple[str, int], str]) -> tuple[Model, ...]:
    """Every model of *store*; *states* by name and version number.

    Raises:
        EaselError: The store cannot be read.
    """
    return tuple(_read_model(store, name, states) for name in store.models())


def _read_model(store: Store, name: str, states: Mapping[tuple[str, int], str]) -> Model:
    folder = store.model(name)
    numbers = folder.versions()
    deployment, problem = _read_deployment(folder)
    return Model(
        name,
        tuple(_read_versions(folder, numbers, states)),
        dict(deployment.labels),
        live(deployment.labels, numbers) or 0,
        _last(deployment.last),
        problem,
    )


def _read_deployment(folder: ModelFolder) -> tuple[Deployment, str]:
    try:
        return folder.deployment(), ""
    except BadVersion as error:
        return Deployment(), str(error).replace(f"{folder.path}/", f"{folder.name}/")


def _read_versions(
    folder: ModelFolder, numbers: Sequence[int], states: Mapping[tuple[str, int], str]
) -> Iterator[Version]:
    # A server that says nothing of a version does not have it; no server says nothing at all.
    usual = "end" if states else "unknown"
    for number in numbers:
        state = states.get((folder.name, number), usual)
        try:
            found = folder.manifest(number)
        except ServableNotFound:
            continue  # deleted since it was listed
        except EaselError as error:
            yield Version(number, "", "", state, str(error))
        else:
            yield Version(number, found.tag, found.created, state, "")


def _last(change: Change | None) -> LastChange | None:
    if change is None:
        return None
    return LastChange(
        change.time, change.actor, change.action, change.label,
        change.before, change.after, change.reason,
    )  # fmt: skip


def _states(samples: Iterator[Sample]) -> dict[tuple[str, int], str]:
    found: dict[tuple[str, int], str] = {}
    for sample in samples:
        version = sample.labels.get("version", "")
        if sample.value != 1 or not (version.isascii() and version.isdigit()):
            continue
        state = sample.labels.get("state", "unknown")
        if sample.labels.get("error") == "1":
            state = "failed"
        key = sample.labels.get("model", ""), int(version)
        found[key] = min(found.get(key, state), state, key=_rank)
    return found


def _rank(state: str) -> int:
    return _WORST_FIRST.index(state) if state in _WORST_FIRST else -1
