"""A value that costs something to make, and that may be a moment old."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class Fresh(Generic[T]):
    """Makes a value anew; those who ask within ``FRESH_S`` seconds, or meanwhile, share one."""

    FRESH_S = 1.0

    def __init__(self, make: Callable[[], T], clock: Callable[[], float] = time.monotonic) -> None:
        """Nothing is made yet; *clock* gives seconds."""
        self._make = make
        self._clock = clock
        self._lock = Lock()
        self._known: tuple[float, T] | None = None

    def get(self) -> T:
        """The value; what *make* raises passes, and is not kept."""
        with self._lock:
            if self._known is None or self._clock() >= self._known[0] + self.FRESH_S:
                made = self._make()
                self._known = (self._clock(), made)
            return self._known[1]
