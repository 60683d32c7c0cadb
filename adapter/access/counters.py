"""Counts of this process alone, for ``limits``: a bounded number of callers, and no thread.

``limits``' own storage in memory starts a thread every few milliseconds and keeps every
address that ever asked; somebody with many addresses could fill the memory.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from limits.storage.base import SlidingWindowCounterSupport, Storage


@dataclass(slots=True)
class _Windows:
    """How often somebody has asked in the window *index*, and in the one before."""

    index: int
    current: int
    previous: int


class Counters(Storage, SlidingWindowCounterSupport):
    """Sliding windows of the callers that asked last."""

    STORAGE_SCHEME = ["easel-counters"]  # noqa: RUF012 - limits asks for a list

    def __init__(self, most: int = 100_000, clock: Callable[[], float] = time.time) -> None:
        """Remember *most* callers; *clock* gives seconds since 1970."""
        super().__init__()
        self._most = most
        self._clock = clock
        self._lock = threading.Lock()
        self._windows: OrderedDict[str, _Windows] = OrderedDict()

    @property
    def base_exceptions(self) -> tuple[type[Exception], ...]:
        """Nothing can go wrong here."""
        return ()

    def acquire_sliding_window_entry(
        self, key: str, limit: int, expiry: int, amount: int = 1
    ) -> bool:
        """Count *amount* more, unless that would be more than *limit*."""
        now = self._clock()
        with self._lock:
            windows = self._at(key, expiry, now)
            share = 1 - now / expiry % 1
            if int(windows.previous * share + windows.current) + amount > limit:
                return False
            windows.current += amount
            return True

    def get_sliding_window(self, key: str, expiry: int) -> tuple[int, float, int, float]:
        """Count and seconds left of the window before, and of this one."""
        now = self._clock()
        with self._lock:
            windows = self._at(key, expiry, now)
            left = (1 - now / expiry % 1) * expiry
            return windows.previous, left, windows.current, left + expiry

    def clear_sliding_window(self, key: str, expiry: int) -> None:  # noqa: ARG002 - of the interface
        """Forget *key*."""
        self.clear(key)

    def _at(self, key: str, expiry: int, now: float) -> _Windows:
        """The caller's windows, moved to *now*; who has not asked for longest is forgotten."""
        index = int(now // expiry)
        windows = self._windows.get(key)
        if windows is None:
            windows = self._windows[key] = _Windows(index, 0, 0)
            if len(self._windows) > self._most:
                self._windows.popitem(last=False)
            return windows
        self._windows.move_to_end(key)
        if windows.index != index:
            windows.previous = windows.current if windows.index == index - 1 else 0
            windows.index, windows.current = index, 0
        return windows

    def clear(self, key: str) -> None:
        """Forget *key*."""
        with self._lock:
            self._windows.pop(key, None)

    def reset(self) -> int:
        """Forget all; says how many there were."""
        with self._lock:
            count = len(self._windows)
            self._windows.clear()
            return count

    def check(self) -> bool:
        """There is nothing that could be away."""
        return True

    def get(self, key: str) -> int:
        """How often *key* was counted in its window."""
        windows = self._windows.get(key)
        return 0 if windows is None else windows.current

    def get_expiry(self, key: str) -> float:  # noqa: ARG002 - of the interface
        """No moment of its own: windows slide."""
        return self._clock()

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count *amount* more, whatever the limit; says how often now."""
        with self._lock:
            windows = self._at(key, expiry, self._clock())
            windows.current += amount
            return windows.current
