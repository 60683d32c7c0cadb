"""What is to be replayed: a log's pictures, with what was answered and what is right."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from adapter.feedback.reading import Passed, read_log
from adapter.feedback.records import Record


@dataclass(frozen=True, slots=True)
class Answer:
    """What a version said.

    Attributes:
        label: Its best label.
        score: How sure it was; None where the service gives no score.
        version: Which version; 0 where the log does not say.
    """

    label: str
    score: float | None
    version: int


@dataclass(frozen=True, slots=True)
class Case:
    """One picture of the log.

    Attributes:
        record: The request, or the feedback that came with a picture.
        logged: What was answered then; None where nobody had been asked.
        right: What feedback says is right; None where nobody said.
    """

    record: Record
    logged: Answer | None
    right: str | None


def read_rights(log: Path) -> dict[str, str]:
    """The right labels by request id; of several the last that was said.

    Raises:
        InvalidRequest: There is no log.
    """
    said: dict[str, tuple[datetime, str]] = {}
    for record in read_log(log, Passed()):
        if record.kind == "feedback":
            before = said.get(record.request_id)
            if before is None or before[0] <= record.time:
                said[record.request_id] = (record.time, record.label)
    return {request_id: label for request_id, (_, label) in said.items()}


def read_cases(log: Path, model: str, passed: Passed) -> Iterator[Case]:
    """The pictures that *model* was asked about, one at a time; the log is read twice.

    Raises:
        InvalidRequest: There is no log.
    """
    rights = read_rights(log)
    for record in read_log(log, passed):
        if record.model != model or not record.image:
            continue
        if record.kind == "feedback":
            yield Case(record, None, record.label)
        else:
            yield Case(record, _logged(record), rights.get(record.request_id))


def _logged(record: Record) -> Answer:
    score = (record.answer or {}).get("score")
    if isinstance(score, bool) or not isinstance(score, int | float):
        score = None
    return Answer(record.label, score, record.version)
