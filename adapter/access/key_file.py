"""The file of keys, read again when it changes."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from adapter.access.keys import KeyRing, read_ring
from model_store.errors import InvalidRequest

logger = logging.getLogger(__name__)

_LOOK_S = 1.0
_MAX_BYTES = 16 * 1024 * 1024


class KeyFile:
    """The keys of one file.

    Looked at once a second.  A file that is damaged or gone changes nothing: the last good
    one counts, and the log says so.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """Nothing is read yet; *clock* gives seconds."""
        self._path = path
        self._clock = clock
        self._lock = threading.Lock()
        self._ring: KeyRing | None = None
        self._seen: object = None
        self._look_at = 0.0

    def ring(self) -> KeyRing:
        """The keys as of at most a second ago.

        Raises:
            InvalidRequest: There never was a good file.
        """
        ring = self._ring
        if ring is not None and self._clock() < self._look_at:
            return ring
        with self._lock:
            if self._ring is None or self._clock() >= self._look_at:
                self._ring = self._read()
                self._look_at = self._clock() + _LOOK_S
            return self._ring

    def _read(self) -> KeyRing:
        """The ring, a new one if the file is another than before."""
        try:
            found = _mark(self._path)
            if self._ring is not None and found == self._seen:
                return self._ring
            ring = read_keys(self._path)
        except (InvalidRequest, OSError) as error:
            if self._ring is None:
                raise InvalidRequest(
                    f"{self._path}: {error}; make it with `easel keys add NAME`"
                ) from error
            logger.error("the keys of %s stay as they were: %s", self._path, error)
            return self._ring
        self._seen = found
        return ring


def read_keys(path: Path) -> KeyRing:
    """The keys of a file.

    Raises:
        InvalidRequest: It cannot be read, or is no such file.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise InvalidRequest(f"cannot be read: {error.strerror or error}") from error
    if len(data) > _MAX_BYTES:
        raise InvalidRequest("is too long for a file of keys")
    return read_ring(data)


def _mark(path: Path) -> object:
    """What differs when a file was written anew."""
    status = path.stat()
    return status.st_mtime_ns, status.st_size, status.st_ino
