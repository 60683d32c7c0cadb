"""Changing who is live: promote, roll back, and the record of both.

A change is the replacement of ``deployment.json``, in one step.  The newest change stands
in that file, and is in ``history.jsonl`` before the next one is made: whoever comes after a
process that was killed in between writes the missing line.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from model_store import deployment as deployments
from model_store import history as histories
from model_store.deployment import DEPLOYMENT_FILE, Deployment
from model_store.errors import BadVersion, DeploymentRefused, ServableNotFound
from model_store.history import HISTORY_FILE, ROLLBACK, Change, History, named_before
from model_store.ports import ModelStore, Shelf
from model_store.spec import ModelVersion

_ATTEMPTS = 20

# From what is live and what was, the version to name; None to leave it as it is.
Choose = Callable[[Deployment, History], int | None]


@dataclass(frozen=True, slots=True)
class Author:
    """Who makes a change, and why."""

    actor: str
    reason: str = ""


def read_deployment(store: Shelf, name: str) -> Deployment:
    """Who is live; nothing is named where there is no file.

    Raises:
        BadVersion: The file is damaged.
    """
    return _decode(store, name, store.read(f"{name}/{DEPLOYMENT_FILE}"))


def read_history(store: Shelf, name: str) -> History:
    """Every change, also the one that a killed process has not written down."""
    past = histories.decode(store.read(f"{name}/{HISTORY_FILE}") or b"")
    last = read_deployment(store, name).last
    if last is None or last in past.changes:
        return past
    return History((*past.changes, last), past.damaged)


def live_version(store: Shelf, name: str) -> int | None:
    """The version that a call without version or label reaches; None for an unknown model.

    One whose manifest is damaged is passed over, as servers do, while there is another.
    """
    labels, numbers = read_deployment(store, name).labels, set(store.versions(name))
    first = number = deployments.live(labels, numbers)
    while number is not None:
        try:
            store.manifest(ModelVersion(name, number))
        except (BadVersion, ServableNotFound):
            numbers.remove(number)
            number = deployments.live(labels, numbers)
        else:
            return number
    return first


def promote(store: ModelStore, model: ModelVersion, label: str, author: Author) -> Change | None:
    """Let *label* name *model*; None if it does already.

    Raises:
        ServableNotFound: There is no such version.
        BadVersion: Its files are not what was published.
        DeploymentRefused: It was never proven equal to its source.
    """
    check_parity(store, model)
    return _change(store, model.name, ("promote", label, author), lambda *_: model.number)


def roll_back(store: ModelStore, name: str, label: str, author: Author) -> Change:
    """Let *label* name what it named before.

    Raises:
        ServableNotFound: There is no such model, or what was named before is gone.
        BadVersion: The files of what was named before are not what was published.
        DeploymentRefused: It never named another version.
    """

    def choose(now: Deployment, past: History) -> int:
        before = named_before(past.changes, label, now.labels.get(label))
        if before is None:
            raise DeploymentRefused(
                f"{label} of {name} never named another version; use easel promote"
            )
        store.verify(ModelVersion(name, before))
        return before

    if not store.versions(name):
        raise ServableNotFound(f"there is no model {name!r} in {store}")
    change = _change(store, name, (ROLLBACK, label, author), choose)
    assert change is not None  # what was named before is not what is named now
    return change


def check_parity(store: Shelf, model: ModelVersion) -> None:
    """Return if a version is whole, and was proven to equal its source.

    Raises:
        ServableNotFound, BadVersion: It is not there, or not whole.
        DeploymentRefused: There is no proof.
    """
    report = store.verify(model).parity_file
    if report is None:
        raise DeploymentRefused(f"{model} has no parity report; export it anew with easel export")
    try:
        value = json.loads(store.read(f"{model}/{report}") or b"")
        passed = value["passed"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise DeploymentRefused(f"{model}: {report} is no parity report: {error!r}") from error
    if passed is not True:
        raise DeploymentRefused(f"{model} is not what its source is: {report} says so")


def _change(
    store: ModelStore, name: str, what: tuple[str, str, Author], choose: Choose
) -> Change | None:
    action, label, author = what
    path = f"{name}/{DEPLOYMENT_FILE}"
    for _ in range(_ATTEMPTS):
        with store.locked(name):
            before = store.read(path)
            now = _decode(store, name, before)
            past = _record(store, name, now)
            number = choose(now, past)
            if number == now.labels.get(label):
                return None
            if number not in store.versions(name):
                raise ServableNotFound(f"no version {name}/{number} in {store}")
            change = Change(
                max(past.last, now.last.number if now.last else 0) + 1,
                datetime.now(UTC).isoformat(timespec="milliseconds"),
                author.actor, action, label, now.labels.get(label), number, author.reason,
            )  # fmt: skip
            after = deployments.changed(now, change)
            if store.replace(path, deployments.encode(after), before):
                _record(store, name, after)
                return change
    raise DeploymentRefused(f"{path} is changed by others all the time; try again")


def _record(store: ModelStore, name: str, now: Deployment) -> History:
    """Have the newest change in the history; returns that."""
    past = histories.decode(store.read(f"{name}/{HISTORY_FILE}") or b"")
    if now.last is None or now.last.number <= past.last:
        return past
    store.append(f"{name}/{HISTORY_FILE}", histories.encode_line(now.last))
    return History((*past.changes, now.last), past.damaged)


def _decode(store: Shelf, name: str, data: bytes | None) -> Deployment:
    if data is None:
        return Deployment()
    try:
        return deployments.decode(data)
    except BadVersion as error:
        raise BadVersion(f"{store}/{name}/{error}; mend it, or delete it") from error
