"""What the log's files are called, which says all that has to be known of them.

``20261123T041011-4711-0001.jsonl``: finished; when it was begun, by which process, a count.
``.open-20261123T041011-4711-0002.jsonl``: being written by a process, which has a lock on it.
``answers.sqlite``: which version answered which request; see ``index``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

OPEN = ".open-"
INDEX = "answers.sqlite"
_TIME = "%Y%m%dT%H%M%S"
_NAME = re.compile(r"(\.open-)?(\d{8}T\d{6})-\d+-\d+\.(jsonl|parquet)")


@dataclass(frozen=True, slots=True)
class LogFile:
    """One file of the log's folder.

    Attributes:
        path: Where it is.
        opened: When its first record was written, to the second.
        is_open: Whether it is not finished.
    """

    path: Path
    opened: datetime
    is_open: bool


def open_path(folder: Path, opened: datetime, process: int, count: int) -> Path:
    """Where a process writes its next file."""
    return folder / f"{OPEN}{opened:{_TIME}}-{process}-{count:04}.jsonl"


def finished_path(path: Path, suffix: str) -> Path:
    """What the file being written at *path* is called when it is finished."""
    return path.with_name(path.name.removeprefix(OPEN)).with_suffix(suffix)


def log_files(folder: Path) -> Iterator[LogFile]:
    """The log's files in *folder*, oldest first; others are not looked at."""
    for path in sorted(folder.iterdir(), key=lambda path: path.name.removeprefix(OPEN)):
        match = _NAME.fullmatch(path.name)
        if match is not None:
            try:
                opened = datetime.strptime(match[2], _TIME).replace(tzinfo=UTC)
            except ValueError:  # digits that are no time
                continue
            yield LogFile(path, opened, match[1] is not None)


def is_ours(path: Path) -> bool:
    """Whether a file of that name belongs to a log."""
    return path.name.startswith(INDEX) or _NAME.fullmatch(path.name) is not None


def is_older(file: LogFile, now: datetime, days: float) -> bool:
    """Whether the file's records are older than *days*."""
    return now - file.opened > timedelta(days=days)
