"""What of a store is rubbish: unfinished work of killed processes, and old versions."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from model_store import deployment as deployments
from model_store.changing import read_deployment, read_history
from model_store.errors import BadVersion
from model_store.history import named_before
from model_store.ports import ModelStore, Shelf
from model_store.spec import ModelVersion

# Without the label stable the newest that loads is live: one more is kept than that.
_LEAST_UNNAMED = 2


@dataclass(frozen=True, slots=True)
class Rubbish:
    """What of one model can go.

    Attributes:
        unfinished: Paths in the store.
        versions: Version numbers, ascending.
    """

    unfinished: tuple[str, ...]
    versions: tuple[int, ...]


def collect(store: ModelStore, name: str, keep: int | None, *, is_trial: bool) -> Rubbish:
    """Delete what is rubbish of one model, or only find it.

    Args:
        store: Where.
        name: The model.
        keep: How many of the newest versions stay in any case; None for all.
        is_trial: Delete nothing.

    Raises:
        BadVersion: ``deployment.json`` is damaged: what is live is not known.
    """
    with store.locked(name):
        found = Rubbish(store.unfinished(name), old_versions(store, name, keep))
        if not is_trial:
            _delete(store.discard, found.unfinished)
            _delete(store.remove, [ModelVersion(name, number) for number in found.versions])
    return found


def old_versions(store: Shelf, name: str, keep: int | None) -> tuple[int, ...]:
    """Versions that nobody needs, ascending; never one that is or may soon be live.

    There stay the newest *keep* that are whole and everything newer than these, what
    ``deployment.json`` speaks of, and what a rollback of any label would lead to.
    """
    if keep is None:
        return ()
    now, past = read_deployment(store, name), read_history(store, name)
    needed = deployments.mentioned(now)
    for label, number in now.labels.items():
        before = named_before(past.changes, label, number)
        needed |= set() if before is None else {before}
    if deployments.STABLE not in now.labels:
        keep = max(keep, _LEAST_UNNAMED)
    old: list[int] = []
    for number in reversed(store.versions(name)):
        if keep <= 0:
            old.append(number)
        elif _is_whole(store, ModelVersion(name, number)):
            keep -= 1
    return tuple(sorted(set(old) - needed))


def _is_whole(store: Shelf, model: ModelVersion) -> bool:
    try:
        store.verify(model)
    except BadVersion:
        return False
    return True


def _delete(delete: Callable[..., None], found: list[ModelVersion] | tuple[str, ...]) -> None:
    for each in found:
        with suppress(FileNotFoundError):  # somebody else was faster
            delete(each)
