"""How often something may be done: a bucket that fills up again."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock

from model_store.errors import Overloaded


class RateLimit:
    """So many a minute in this process; a burst of that many is allowed."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        """The bucket is full; *clock* gives seconds."""
        self._most = per_minute
        self._clock = clock
        self._left = float(per_minute)
        self._at = clock()
        self._lock = Lock()

    def take(self) -> None:
        """Take one.

        Raises:
            Overloaded: None is left now.
        """
        with self._lock:
            now = self._clock()
            per_s = self._most / 60
            self._left = min(self._most, self._left + (now - self._at) * per_s)
            self._at = now
            if self._left < 1:
                raise Overloaded(
                    f"more than {self._most} corrections a minute; try again soon",
                    retry_after_s=(1 - self._left) / per_s,
                )
            self._left -= 1
