"""The local side of a mirror: whose the folder is, and how things come to it and go.

Everything unfinished lies in a folder whose name begins as those of publishers do, beside
the place where it is to be.  Knows no bucket; ``mirror`` uses it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from model_store import manifest as manifests
from model_store.atomic import UNFINISHED
from model_store.errors import BadVersion, Cancelled, InvalidRequest
from model_store.manifest import MANIFEST_FILE
from model_store.store import MIRROR_FILE

# Says which bucket a folder belongs to: what is not there is deleted here.
MARKER_FILE = MIRROR_FILE
_WORK = f"{UNFINISHED}mirror"
_LOCK_PAUSE_S = 0.1


def claim(folder: Path, url: str) -> None:
    """Make *folder* the copy of *url*, if it is not already.

    Raises:
        InvalidRequest: It holds something else, which mirroring would delete.
    """
    marker = folder / MARKER_FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not marker.exists():
            if any(not path.name.startswith(UNFINISHED) for path in folder.iterdir()):
                raise InvalidRequest(f"{folder} is in use; name another --mirror_dir")
            # Several processes may do so at once; they write the same.
            written = folder / f"{UNFINISHED}{os.getpid()}"
            written.write_text(url, encoding="utf-8")
            with suppress(FileNotFoundError):  # another one was faster, and cleans up already
                written.replace(marker)
        owner = marker.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise InvalidRequest(f"{folder} cannot be used: {error}") from error
    if owner != url:
        raise InvalidRequest(f"{folder} mirrors {owner}; name another --mirror_dir")


def check_names(names: Iterable[str]) -> None:
    """Return if files of these names stay inside a folder, each in a place of its own.

    Raises:
        BadVersion: One does not.
    """
    known = set(names)
    for name in known:
        path = PurePosixPath(name)
        is_plain = path.as_posix() == name and not path.is_absolute() and name != "."
        is_inside = ".." not in path.parts and not set("\\\0") & set(name)
        if not is_plain or not is_inside or name == MANIFEST_FILE:
            raise BadVersion(f"{name!r} is no name for a file of a version")
        if any(parent.as_posix() in known for parent in path.parents):
            raise BadVersion(f"{name!r} is below a file")


def is_here(folder: Path, manifest: bytes) -> bool:
    """Whether a version was copied before and has lost nothing since."""
    try:
        if (folder / MANIFEST_FILE).read_bytes() != manifest:
            return False
        files = manifests.decode(manifest.decode("utf-8")).files
        return all((folder / name).stat().st_size == want.bytes for name, want in files.items())
    except OSError:
        return False


@contextmanager
def workspace(home: Path) -> Iterator[Path]:
    """A folder beside the versions that is gone in the end, with what is still in it."""
    work = home / _WORK
    work.mkdir(parents=True)
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def remove(path: Path, beside: Path) -> None:
    """Remove a folder so that a reader sees it whole or not at all."""
    with workspace(beside) as work:
        path.rename(work / path.name)


def clean(folder: Path) -> None:
    """Remove what a process that was killed has left."""
    for pattern in (f"{UNFINISHED}*", f"*/{UNFINISHED}*"):
        for path in folder.glob(pattern):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()


@contextmanager
def alone(folder: Path, stop: threading.Event) -> Iterator[None]:
    """One process at a time; the lock ends with its process."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        while not _has_locked(descriptor):
            if stop.wait(_LOCK_PAUSE_S):
                raise Cancelled("told to stop")
        yield
    finally:
        os.close(descriptor)


def _has_locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
