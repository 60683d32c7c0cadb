"""Who is live: ``deployment.json`` as data, and who has changed it.

Keys that this release does not know (traffic, shadows) are kept as they are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from model_store import history
from model_store.errors import BadVersion, InvalidRequest
from model_store.history import Change, is_version

DEPLOYMENT_FILE = "deployment.json"
STABLE = "stable"

_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Deployment:
    """Which versions of a model are named, and how they came to be.

    Attributes:
        labels: Version numbers by version label.
        last: The newest change; None before the first.
        rest: Everything else that is in the file.
    """

    labels: Mapping[str, int] = field(default_factory=dict)
    last: Change | None = None
    rest: Mapping[str, Any] = field(default_factory=dict)


def decode(data: bytes) -> Deployment:
    """Read ``deployment.json``.

    Raises:
        BadVersion: It is damaged.
    """
    try:
        value = json.loads(data.decode("utf-8"))
        labels = {str(label): _number(number) for label, number in value["labels"].items()}
        last = value.get("last_change")
        rest = {key: value[key] for key in value.keys() - {"labels", "last_change"}}
        return Deployment(labels, None if last is None else history.from_json(last), rest)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadVersion(f"{DEPLOYMENT_FILE} cannot be read: {error!r}") from error


def encode(deployment: Deployment) -> bytes:
    """The file's content."""
    value = {**deployment.rest, "labels": dict(deployment.labels)}
    if deployment.last is not None:
        value["last_change"] = history.to_json(deployment.last)
    return (json.dumps(value, indent=2, sort_keys=True) + "\n").encode()


def live(labels: Mapping[str, int], versions: Collection[int]) -> int | None:
    """The version that a call without version or label reaches; None where there is none.

    It is the one that ``stable`` names, else the newest.
    """
    stable = labels.get(STABLE)
    return stable if stable in versions else max(versions, default=None)


def changed(deployment: Deployment, change: Change) -> Deployment:
    """The deployment after *change*."""
    labels = {label: n for label, n in deployment.labels.items() if label != change.label}
    if change.after is not None:
        labels[change.label] = change.after
    return replace(deployment, labels=labels, last=change)


def mentioned(deployment: Deployment) -> set[int]:
    """Every version that is, or may be, spoken of anywhere in the file; none of them is rubbish.

    What a key of a later release means is not known here, so any number counts.
    """
    found = {*deployment.labels.values(), *_numbers(deployment.rest)}
    if deployment.last is not None:
        found |= {n for n in (deployment.last.before, deployment.last.after) if n is not None}
    return found


def check_label(label: str) -> str:
    """Give back *label* if it can name a version.

    Raises:
        InvalidRequest: It could be taken for a number, or would not fit into a route.
    """
    if not _LABEL.fullmatch(label):
        raise InvalidRequest(
            f"{label!r} cannot be a version label; use letters, digits, '.', '_' and '-', "
            "beginning with a letter"
        )
    return label


def _number(value: Any) -> int:
    if not is_version(value):
        raise ValueError(f"{value!r} is no version")
    number: int = value
    return number


def _numbers(value: Any) -> Iterator[int]:
    """Whole numbers anywhere in a JSON value, and texts that are one."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _numbers(key)
            yield from _numbers(item)
    elif isinstance(value, list):
        for item in value:
            yield from _numbers(item)
    elif is_version(value):
        yield value
    elif isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 18:
        yield int(value)
