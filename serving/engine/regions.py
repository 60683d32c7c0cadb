"""The regions of shared memory that callers have registered, opened and ready.

They are read and written as files and not mapped: a caller may shorten its object at any time,
and whoever touches a mapping that has no memory behind it any more is ended by the system.

Whoever ends without unregistering leaves its regions behind.  Those who hold their object
locked (``flock``) do not: when the system has taken the lock away, the region is forgotten.
"""

from __future__ import annotations

import fcntl
import os
import stat
from pathlib import Path
from typing import NamedTuple

from model_store.errors import InvalidRequest, PermissionDenied, RegionExists, RegionNotFound
from serving.api.regions import FOLDER, Region, Span

_MOST = 1024
_FLAGS = os.O_RDWR | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0) | os.O_NONBLOCK


class _Opened(NamedTuple):
    """A region, its object, and whether somebody held that locked when it was registered."""

    region: Region
    descriptor: int
    is_owned: bool


class Regions:
    """By their names.  Lives on one event loop.

    Attributes:
        is_open: Whether there can be any.
        is_told: Whether callers may learn of each other's.
    """

    def __init__(self, prefix: str = "", *, folder: Path = FOLDER) -> None:
        """Register none yet.

        Args:
            prefix: How the keys must begin: ``/`` allows all, an empty one nothing.
            folder: Where the objects are.
        """
        self._prefix = _plain(prefix)
        self._folder = folder
        self._opened: dict[str, _Opened] = {}
        self.is_open = bool(prefix)
        self.is_told = self.is_open and not self._prefix

    def all(self) -> tuple[Region, ...]:
        """In the order in which they came."""
        return tuple(each.region for each in self._opened.values())

    def register(self, region: Region) -> None:
        """Open what *region* is a part of.

        Raises:
            RegionExists: There is one of its name.
            PermissionDenied: Its key does not begin as it must.
            InvalidRequest: It has no name, there is no such object, that is too short, or
                there are too many regions.
        """
        if not region.name:
            raise InvalidRequest("a shared memory region needs a name")
        self._forget_ownerless()
        if region.name in self._opened:
            raise RegionExists(f"shared memory region '{region.name}' already in manager")
        if not self.is_open or not _plain(region.key).startswith(self._prefix):
            raise PermissionDenied(
                f"shared memory '{region.key}' is not what this server was started to share "
                "(--shared_memory)"
            )
        if len(self._opened) >= _MOST:
            raise InvalidRequest(f"there are {_MOST} shared memory regions; unregister some")
        opened = self._open(region)
        self._opened[region.name] = _Opened(region, opened, is_owned=_is_locked(opened))

    def unregister(self, name: str) -> None:
        """Forget the region *name*, if there is one, or all if it is empty."""
        for each in [name] if name else list(self._opened):
            if each in self._opened:
                os.close(self._opened.pop(each).descriptor)

    def check(self, span: Span) -> None:
        """Raise RegionNotFound or InvalidRequest where there is no such span."""
        self._find(span)

    def read(self, span: Span) -> bytes:
        """The bytes of a span.

        Raises:
            RegionNotFound: Nobody has registered the region.
            InvalidRequest: The span is not within it, or it has become shorter.
        """
        region, opened, _ = self._find(span)
        data = os.pread(opened, span.byte_size, region.offset + span.offset)
        if len(data) != span.byte_size:
            raise InvalidRequest(f"shared memory '{region.key}' is shorter than it was")
        return data

    def write(self, span: Span, data: bytes) -> None:
        """Put *data*, which is not longer, at the begin of a span; raises what ``read`` does."""
        region, opened, _ = self._find(span)
        # Where it has become shorter, this would make it longer again.
        if os.fstat(opened).st_size < region.offset + region.byte_size:
            raise InvalidRequest(f"shared memory '{region.key}' is shorter than it was")
        at = region.offset + span.offset
        left = memoryview(data)
        try:
            while left:
                written = os.pwrite(opened, left, at)
                left, at = left[written:], at + written
        except OSError as error:
            raise InvalidRequest(f"shared memory '{region.key}': {error.strerror}") from error

    def close(self) -> None:
        """Forget all."""
        self.unregister("")

    def _find(self, span: Span) -> _Opened:
        found = self._opened.get(span.region)
        if found is None:
            raise RegionNotFound(f"Unable to find shared memory region: '{span.region}'")
        if span.offset + span.byte_size > found.region.byte_size:
            raise InvalidRequest(
                f"Invalid offset + byte size for shared memory region: '{span.region}'"
            )
        return found

    def _open(self, region: Region) -> int:
        name = _plain(region.key)
        try:
            if not name or "/" in name or name in (".", ".."):
                raise FileNotFoundError(name)
            opened = os.open(self._folder / name, _FLAGS)
        except (OSError, ValueError) as error:
            raise InvalidRequest(f"Unable to open shared memory region: '{region.key}'") from error
        found = os.fstat(opened)
        end = region.offset + region.byte_size
        if not stat.S_ISREG(found.st_mode) or not region.offset < end <= found.st_size:
            os.close(opened)
            raise InvalidRequest(
                f"Invalid shared memory region: '{region.key}'; it has {found.st_size} bytes"
            )
        return opened

    def _forget_ownerless(self) -> None:
        for name, opened in list(self._opened.items()):
            if opened.is_owned and not _is_locked(opened.descriptor):
                self.unregister(name)


def _is_locked(opened: int) -> bool:
    """Whether somebody else holds a lock on the file."""
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    fcntl.flock(opened, fcntl.LOCK_UN)
    return False


def _plain(key: str) -> str:
    """A key without the slash that it may begin with."""
    return key.removeprefix("/")
