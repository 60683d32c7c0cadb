"""When a connection is given up, a time that each request moves several times."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable


class Alarm:
    """Rings once when its time has come, unless that was moved or cleared before.

    Setting it is cheap: a timer that would ring too early is set again only then.
    """

    __slots__ = ("_due", "_loop", "_ring", "_timer")

    def __init__(self, ring: Callable[[], None]) -> None:
        """Not set; will call *ring*."""
        self._ring = ring
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._due = math.inf

    def set(self, seconds: float) -> None:
        """Ring in *seconds*, and not at the time set before."""
        self._due = self._loop.time() + seconds
        if self._timer is None or self._due < self._timer.when():
            self.stop()
            self._timer = self._loop.call_at(self._due, self._look)

    def clear(self) -> None:
        """Do not ring."""
        self._due = math.inf

    def stop(self) -> None:
        """Do not ring, and hold nobody."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        if self._loop.time() >= self._due:
            self._ring()
        elif self._due < math.inf:
            self._timer = self._loop.call_at(self._due, self._look)
