"""How long a connection may hold streams that go nowhere, or nothing at all.

Looked at from time to time, all streams at once: a timer for each would cost every request.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from serving.sockets.frame_reader import FrameReader
from serving.sockets.frames import ErrorCode
from serving.sockets.limits import Limits
from serving.sockets.stream import Stream


class Watched(Protocol):
    """What is looked at: the streams under way, the newest's number, what was read."""

    streams: dict[int, Stream]
    newest: int
    reader: FrameReader

    def reset(self, number: int, code: ErrorCode) -> None:
        """End one stream."""
        ...

    def leave(self) -> None:
        """Ask the peer to connect anew when it needs to."""
        ...

    def abort(self) -> None:
        """Close at once."""
        ...


class Patience:
    """Ends what one connection lets wait for too long."""

    __slots__ = ("_busy_at", "_limits", "_loop", "_newest", "_timer", "_watched")

    def __init__(self, watched: Watched, limits: Limits) -> None:
        self._watched = watched
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._newest = 0
        self._busy_at = self._loop.time()
        self._timer = self._loop.call_later(limits.headers_s, self._look)

    def stop(self) -> None:
        """The connection has ended."""
        self._timer.cancel()

    def _look(self) -> None:
        watched, now = self._watched, self._loop.time()
        if not watched.reader.has_settings:
            watched.abort()
            return
        self._timer = self._loop.call_later(self._limits.stall_s, self._look)
        streams = watched.streams
        for number in [n for n, each in streams.items() if each.is_stuck(now, self._limits)]:
            watched.reset(number, ErrorCode.CANCEL)
        if streams or watched.newest != self._newest:
            self._newest, self._busy_at = watched.newest, now
        elif now - self._busy_at >= self._limits.quiet_s:
            watched.leave()
