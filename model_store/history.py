"""What was changed about who is live: ``history.jsonl``, a line for each change.

The newest change stands in ``deployment.json`` too, which is replaced in one step: a line
that is missing here because a process was killed is added from there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from model_store.spec import VERSION_NAME

HISTORY_FILE = "history.jsonl"
ROLLBACK = "rollback"


@dataclass(frozen=True, slots=True)
class Change:
    """One change of what a version label names.

    Attributes:
        number: Counts a model's changes from 1.
        time: ISO 8601 in UTC.
        actor: Who did it.
        action: With which command.
        label: The version label.
        before: The version it named; None if it named none.
        after: The version it names since; None if none.
        reason: Why, in the actor's words.
    """

    number: int
    time: str
    actor: str
    action: str
    label: str
    before: int | None
    after: int | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class History:
    """A model's changes, the oldest first, and the numbers of lines that cannot be read."""

    changes: tuple[Change, ...] = ()
    damaged: tuple[int, ...] = ()

    @property
    def last(self) -> int:
        """The highest change's number; 0 without any."""
        return max((change.number for change in self.changes), default=0)


def to_json(change: Change) -> dict[str, Any]:
    """The line's object."""
    return {
        "change": change.number, "time": change.time, "actor": change.actor,
        "action": change.action, "label": change.label, "from": change.before,
        "to": change.after, "reason": change.reason,
    }  # fmt: skip


def from_json(value: Mapping[str, Any]) -> Change:
    """Read a line's object; keys of later days are passed over.

    Raises:
        KeyError, ValueError, TypeError: It is none.
    """
    number = value["change"]
    if type(number) is not int or number < 1:
        raise ValueError(f"{number!r} is no number of a change")
    return Change(
        number=number,
        time=_text(value["time"]),
        actor=_text(value["actor"]),
        action=_text(value["action"]),
        label=_text(value["label"]),
        before=_version(value["from"]),
        after=_version(value["to"]),
        reason=_text(value.get("reason", "")),
    )


def is_version(value: Any) -> bool:
    """Whether a JSON value is a version's number; true and 1.0 are none."""
    return type(value) is int and VERSION_NAME.fullmatch(str(value)) is not None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not text")
    return value


def _version(value: Any) -> int | None:
    if value is not None and not is_version(value):
        raise ValueError(f"{value!r} is no version")
    version: int | None = value
    return version


def encode_line(change: Change) -> bytes:
    """The line, without its end."""
    return json.dumps(to_json(change)).encode()


def decode(data: bytes) -> History:
    """Read ``history.jsonl``.

    A damaged line is told and hides no other; one without an end was cut short and counts
    for nothing.
    """
    changes, damaged = [], []
    for number, line in enumerate(data.split(b"\n")[:-1], start=1):
        try:
            changes.append(from_json(json.loads(line)))
        except (KeyError, ValueError, TypeError, AttributeError, RecursionError):
            damaged.append(number)
    return History(tuple(changes), tuple(damaged))


def named_before(changes: Iterable[Change], label: str, now: int | None) -> int | None:
    """The version to roll *label* back to from *now*; None if it never named another.

    A rollback undoes what it took back: after 1, 2, 3 the first leads to 2 and the second to
    1, and not to 3 again.
    """
    trail: list[int] = []
    for change in changes:
        if change.label != label or change.after is None:
            continue
        if change.action == ROLLBACK and change.after in trail:
            while trail[-1] != change.after:
                trail.pop()
        elif not trail or trail[-1] != change.after:
            if not trail and change.before is not None:
                trail.append(change.before)
            trail.append(change.after)
    while trail and trail[-1] == now:
        trail.pop()
    return trail[-1] if trail else None
