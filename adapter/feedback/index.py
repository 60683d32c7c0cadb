"""Which version answered which request, for feedback that reaches another process.

Beside the log, in SQLite: every process adds what it logs, any may look.  It holds no
pictures, and can be deleted: then feedback to earlier answers is refused, nothing more.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from adapter.feedback.names import INDEX
from adapter.feedback.records import Record
from model_store.spec import ModelVersion

# Seconds to wait for another process that writes.
_BUSY_S = 2.0
_TABLE = """
CREATE TABLE IF NOT EXISTS answers (
    request_id TEXT PRIMARY KEY, at REAL NOT NULL,
    model TEXT NOT NULL, version INTEGER NOT NULL
) WITHOUT ROWID
"""


class IndexWriter:
    """The index in one folder, as the one thread that writes it has it."""

    def __init__(self, folder: Path) -> None:
        """Open it, or make an empty one.

        Raises:
            OSError: The folder cannot be written.
            sqlite3.Error: The file is damaged.
        """
        path = folder / INDEX
        path.touch(mode=0o600)  # SQLite gives the files beside it the same mode
        self._database = sqlite3.connect(path, timeout=_BUSY_S)
        try:
            self._database.execute("PRAGMA journal_mode = WAL")
            # What a power failure takes is no more than feedback to the last answers.
            self._database.execute("PRAGMA synchronous = NORMAL")
            self._database.execute(_TABLE)
        except sqlite3.Error:
            self._database.close()
            raise

    def add(self, records: Iterable[Record]) -> None:
        """Remember who answered; of two answers to one request id the first counts.

        Ids are the callers': nobody makes another's answer theirs by sending its id.

        Raises:
            sqlite3.Error: It cannot be written.
        """
        rows = [
            (record.request_id, record.time.timestamp(), record.model, record.version)
            for record in records
        ]
        with self._database:
            self._database.executemany("INSERT OR IGNORE INTO answers VALUES (?, ?, ?, ?)", rows)

    def forget(self, before: float) -> None:
        """Delete what was answered before that time, in seconds since 1970.

        Raises:
            sqlite3.Error: It cannot be written.
        """
        with self._database:
            self._database.execute("DELETE FROM answers WHERE at < ?", (before,))

    def close(self) -> None:
        """Close it."""
        self._database.close()


def find_answer(folder: Path, request_id: str) -> ModelVersion | None:
    """The version that answered, its name empty where no model did; None if unknown."""
    path = folder / INDEX
    if not path.exists():  # SQLite would create it
        return None
    try:
        with closing(sqlite3.connect(path, timeout=_BUSY_S)) as database:
            rows = database.execute(
                "SELECT model, version FROM answers WHERE request_id = ?", (request_id,)
            ).fetchall()
    except sqlite3.Error:
        return None
    return ModelVersion(*rows[0]) if rows else None
