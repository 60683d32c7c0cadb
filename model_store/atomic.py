"""Files and folders that appear whole, and who is at work on them.

What is not finished lies beside its place under a name that begins with ``UNFINISHED``,
which no reader looks at.  A folder that is being filled is locked by who fills it; the lock
ends with its process, so that what a killed one has left can be told from work in progress.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# How the name of a file or folder begins that is not what it is to be yet.
UNFINISHED = ".publishing-"
# Where a file system has no locks, nobody works longer on one version.
ABANDONED_S = 24 * 3600.0


@contextmanager
def locked(home: Path) -> Iterator[None]:
    """One at a time; where a file system has no locks, all at once."""
    descriptor = os.open(home, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def unfinished_folder(home: Path) -> Iterator[Path]:
    """An empty folder in *home*, which is this process's until the block ends."""
    with locked(home):  # so that nobody finds it before it is locked
        folder = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=home))
        descriptor = os.open(folder, os.O_RDONLY)
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        folder.chmod(0o755)
        yield folder
    finally:
        os.close(descriptor)


def is_abandoned(path: Path) -> bool:
    """Whether nobody is at work on *path* any more.  Call it with the folder around locked."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:  # gone meanwhile, or not ours to touch
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return time.time() - path.stat().st_mtime > ABANDONED_S
    finally:
        os.close(descriptor)
    return True


def replace(path: Path, data: bytes, beside: Path) -> None:
    """Write *path* so that a reader sees the old content or the new.

    Args:
        path: The file.
        data: Its content.
        beside: A folder of the same file system, for the file while it is written.
    """
    descriptor, name = tempfile.mkstemp(prefix=UNFINISHED, dir=beside)
    os.close(descriptor)
    written = Path(name)
    try:
        write(written, data)
        written.chmod(0o644)
        written.replace(path)
    except BaseException:
        written.unlink(missing_ok=True)
        raise
    sync(path.parent)


def append_line(path: Path, line: bytes) -> None:
    """Add a line of text; what somebody has left of a line at the end is cut away."""
    with path.open("ab+") as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            if file.read() != b"\n":
                file.seek(0)
                file.truncate(file.read().rfind(b"\n") + 1)
        file.write(line + b"\n")
        file.flush()
        os.fsync(file.fileno())


def write(path: Path, data: bytes) -> None:
    """Write a file, and have its content on the disk."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def sync(path: Path) -> None:
    """Have a file's content, or a folder's names, on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Have everything below *folder* on the disk."""
    for path in sorted(folder.rglob("*")):
        if not path.is_symlink():
            sync(path)
    sync(folder)
