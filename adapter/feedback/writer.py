"""The thread that writes the log: lines, files, the index, and what has to go.

Nothing here may hurt an answer: what cannot be written is counted, and told in the log of
the process at most once a minute.  No message holds anything of a record.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Literal

from prometheus_client import Counter

from adapter.config import FeedbackConfig
from adapter.feedback import folder as folders
from adapter.feedback.folder import Finish, OpenFile
from adapter.feedback.index import IndexWriter
from adapter.feedback.names import INDEX
from adapter.feedback.queue import ByteQueue
from adapter.feedback.records import Answered, Record, encode_line, to_record, to_time

logger = logging.getLogger(__name__)

_TIDY_S = 3600.0
_TELL_S = 60.0
# A record is older than its file by as long as it waits to be written; no longer than this.
_WAITS_S = 60.0


Fate = Literal["written", "dropped", "failed"]


@dataclass(slots=True)
class Counts:
    """What became of the records of one process, since it began.

    Attributes:
        counter: The same for Prometheus, of all processes.
        written: In a file, finished or not.
        dropped: Not taken in, because the queue was full.
        failed: Not written, because the disk refused.
        lock: Several threads drop, one writes.
    """

    counter: Counter
    written: int = 0
    dropped: int = 0
    failed: int = 0
    lock: Lock = field(default_factory=Lock)

    def add(self, fate: Fate) -> None:
        """Count one record."""
        with self.lock:
            setattr(self, fate, getattr(self, fate) + 1)
        self.counter.labels(fate).inc()


def build_counter() -> Counter:
    """The counter of a log's records; it belongs to no registry yet."""
    return Counter(
        "easel_adapter_log_records",
        "Records of the request log: written, dropped by a full queue, failed on the disk.",
        ("fate",),
        registry=None,
    )


class Writer:
    """What one thread of one process has open; every method is called by it alone."""

    def __init__(
        self, config: FeedbackConfig, counts: Counts, finish: Finish, clock: Callable[[], float]
    ) -> None:
        """Nothing is opened yet."""
        self._config = config
        self._folder = Path(config.log)
        self._counts = counts
        self._finish = finish
        self._clock = clock
        self._file: OpenFile | None = None
        self._index: IndexWriter | None = None
        self._tidied = self._told = float("-inf")
        self._told_of = (0, 0)

    def run(self, queue: ByteQueue[Answered | Record]) -> None:
        """Write what comes until the queue has ended."""
        self._tidy()
        while not queue.has_ended:
            items = queue.take(self._until_due_s())
            self._write(items)
            self._close_if_due()
            queue.done(len(items))
            if self._clock() >= self._tidied + _TIDY_S:
                self._tidy()
            self._tell_if_due()
        self._close()
        if self._index is not None:
            self._index.close()

    def _write(self, items: Sequence[Answered | Record]) -> None:
        answers = []
        for item in items:
            with self._going_on(is_record=True):
                record = to_record(item) if isinstance(item, Answered) else item
                self._append(encode_line(record))
                self._counts.add("written")
                if record.kind == "request":
                    answers.append(record)
        if answers:
            with self._going_on():
                self._opened_index().add(answers)

    def _append(self, line: bytes) -> None:
        if self._file is None:
            folders.prepare(self._folder)
            self._file = folders.create(self._folder, self._now())
        self._file.append(line)

    def _opened_index(self) -> IndexWriter:
        if self._index is not None and not (self._folder / INDEX).exists():
            self._index.close()  # somebody has taken it away, which SQLite does not notice
            self._index = None
        if self._index is None:
            self._index = IndexWriter(self._folder)
        return self._index

    def _close_if_due(self) -> None:
        file = self._file
        if file is not None and (
            file.size_bytes >= self._config.file_bytes
            or self._now() - file.opened >= timedelta(seconds=self._config.file_s)
        ):
            self._close()
            self._tidy()

    def _close(self) -> None:
        file, self._file = self._file, None
        if file is None:
            return
        with self._going_on():  # its lines are there; the next process finishes it
            file.close(self._finish)

    def _tidy(self) -> None:
        """Finish what killed processes have left, and delete what is too old."""
        self._tidied = self._clock()
        with self._going_on():
            folders.prepare(self._folder)
            folders.adopt_abandoned(self._folder, self._finish)
            oldest = folders.delete_old(
                self._folder, self._now(), self._config.keep_days, self._config.max_bytes
            )
            self._opened_index().forget((oldest or self._now()).timestamp() - _WAITS_S)

    def _until_due_s(self) -> float:
        due = self._tidied + _TIDY_S
        if self._file is not None:
            due = min(due, self._file.opened.timestamp() + self._config.file_s)
        return max(0.0, due - self._clock())

    @contextmanager
    def _going_on(self, *, is_record: bool = False) -> Iterator[None]:
        """Whatever fails in the block is told, a record is counted, and the thread goes on."""
        try:
            yield
        except Exception as error:
            if is_record:
                self._counts.add("failed")
            self._tell(error)

    def _tell(self, error: Exception) -> None:
        if self._clock() >= self._told + _TELL_S:
            self._told = self._clock()
            words = _words(error)
            logger.warning("the request log in %s cannot be written: %s", self._folder, words)

    def _tell_if_due(self) -> None:
        """Say how many records are lost, when there are more than before."""
        lost = (self._counts.dropped, self._counts.failed)
        if lost != self._told_of and self._clock() >= self._told + _TELL_S:
            self._told_of, self._told = lost, self._clock()
            logger.warning(
                "the request log lost %d records to a full queue and %d to the disk", *lost
            )

    def _now(self) -> datetime:
        return to_time(self._clock())


def _words(error: Exception) -> str | None:
    """What is the matter; other errors' words than these could hold a record's."""
    if isinstance(error, OSError):
        return error.strerror
    if isinstance(error, sqlite3.Error):
        return f"{INDEX}, which may be deleted: {error}"
    return type(error).__name__
