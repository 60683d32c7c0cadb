"""The log's folder: files of one process that appear when they are finished, and do not stay.

A file is written under a name that readers leave alone, with a lock that ends with its
process.  What a killed process has left is finished by the next one: every line in it that
is whole is kept.  Nobody but the owner may look: these are pictures that children drew.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from adapter.feedback.names import (
    LogFile,
    finished_path,
    is_older,
    is_ours,
    log_files,
    open_path,
)

# Turns a finished file of lines into one of another format, and returns its path.
Finish = Callable[[Path], Path]


class OpenFile:
    """A file that is being written; its name says so, and a lock says by whom."""

    def __init__(self, path: Path, opened: datetime) -> None:
        """Create *path*, which must not be there.

        Raises:
            FileExistsError: It is there.
            OSError: It cannot be created.
        """
        self.path = path
        self.opened = opened
        self.size_bytes = 0
        self._descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND, 0o600)
        with suppress(OSError):  # where a file system has no locks, nobody can take it for left
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        if not path.exists():  # another process took it for left, before it was locked
            os.close(self._descriptor)
            raise FileExistsError(path)

    def append(self, line: bytes) -> None:
        """Add a line, whole or not at all.

        Raises:
            OSError: The disk is full, or gone.
        """
        rest = memoryview(line)
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._descriptor, self.size_bytes)
            raise
        self.size_bytes += len(line)

    def close(self, finish: Finish) -> None:
        """Let readers have it; an empty one goes."""
        try:
            _finish(self.path, self._descriptor, finish)
        finally:
            os.close(self._descriptor)


def prepare(folder: Path) -> None:
    """Create the log's folder, for the owner's eyes only.

    One that is there and is ours is closed to others, unless it holds something else.

    Raises:
        OSError: It cannot be created.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_uid == os.geteuid() and all(map(is_ours, folder.iterdir())):
        folder.chmod(0o700)


def create(folder: Path, now: datetime) -> OpenFile:
    """The next file of this process.

    Raises:
        OSError: It cannot be created.
    """
    count = 1
    while True:
        path = open_path(folder, now, os.getpid(), count)
        with suppress(FileExistsError):
            file = OpenFile(path, now)
            # In another container a process of the same number may have finished one of this
            # second: after ours is there, no other can get its name.
            if not any(finished_path(path, suffix).exists() for suffix in (".jsonl", ".parquet")):
                return file
            file.close(rename)
        count += 1


def adopt_abandoned(folder: Path, finish: Finish) -> int:
    """Finish what killed processes have left; returns how many files.

    Raises:
        OSError: The folder cannot be read, or the disk is full.
    """
    return sum(_adopt(file.path, finish) for file in list(log_files(folder)) if file.is_open)


def _adopt(path: Path, finish: Finish) -> bool:
    if path.suffix != ".jsonl":  # another format, cut short; whole as long as its lines are there
        if not path.with_suffix(".jsonl").exists():
            path.unlink(missing_ok=True)
        return False
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND)
    except FileNotFoundError:
        return False
    try:
        if not _lock(descriptor) or not path.exists():  # its process lives, or another was faster
            return False
        _finish(path, descriptor, finish)
    finally:
        os.close(descriptor)
    return True


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _finish(path: Path, descriptor: int, finish: Finish) -> None:
    """Cut off what is no whole line, and give the file its name."""
    end = _end_of_lines(path)
    if end == 0:
        path.unlink()
        return
    os.ftruncate(descriptor, end)
    os.fsync(descriptor)
    finish(path)


def _end_of_lines(path: Path) -> int:
    """Where the last whole line ends, in bytes."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        while end:
            begin = max(0, end - 65536)
            file.seek(begin)
            found = file.read(end - begin).rfind(b"\n")
            if found >= 0:
                return begin + found + 1
            end = begin
    return 0


def rename(path: Path) -> Path:
    """The ``Finish`` of lines that stay lines."""
    final = finished_path(path, ".jsonl")
    if finished_path(path, ".parquet").exists():  # killed between finishing it and this
        path.unlink()
    else:
        path.rename(final)
    return final


def delete_old(folder: Path, now: datetime, days: float, most_bytes: int) -> datetime | None:
    """Delete what is older than *days*, and the oldest while all take more than *most_bytes*.

    Returns:
        When the oldest file that is left was begun; None if none is.
    """
    files = list(log_files(folder))
    sizes = {file.path: _size_bytes(file) for file in files}
    total = sum(sizes.values())
    left = []
    for file in files:
        is_too_much = total > most_bytes
        if file.is_open or not (is_too_much or is_older(file, now, days)):
            left.append(file.opened)
            continue
        file.path.unlink(missing_ok=True)
        total -= sizes[file.path]
    return min(left, default=None)


def _size_bytes(file: LogFile) -> int:
    try:
        return file.path.stat().st_size
    except FileNotFoundError:  # another process has deleted or finished it
        return 0
