"""A value that costs something to make, and that may be a moment old."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class Fresh(Generic[T]):
    """Makes a value anew; those who ask within some seconds, or meanwhile, share one."""

    def __init__(
        self,
        make: Callable[[], T],
        clock: Callable[[], float] = time.monotonic,
        *,
        fresh_s: float = 1.0,
    ) -> None:
        """Nothing is made yet; a value may be *fresh_s* old on *clock*, which gives seconds."""
        self._make = make
        self._clock = clock
        self._fresh_s = fresh_s
        self._lock = Lock()
        self._known: tuple[float, T] | None = None

    def get(self) -> T:
        """The value; what *make* raises passes, and is not kept."""
        with self._lock:
            if self._known is None or self._clock() >= self._known[0] + self._fresh_s:
                made = self._make()
                self._known = (self._clock(), made)
            return self._known[1]
