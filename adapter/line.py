"""People in a line, of whom some are let in at a time, in the order in which they came."""

from __future__ import annotations

import threading
from collections import deque


class Line:
    """A number of places, each handed over to who has waited longest.

    With a Semaphore, or tokens in a queue, whoever has just left is back before those who wait
    have woken up: some of them waited for ten times as long as others.
    """

    def __init__(self, places: int) -> None:
        """All *places* are free."""
        self._free = places
        self._changing = threading.Lock()
        self._waiting: deque[threading.Lock] = deque()

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def enter(self, timeout_s: float) -> bool:
        """Whether there was a place within *timeout_s*; who has one must ``leave``."""
        with self._changing:
            if self._free > 0:
                self._free -= 1
                return True
            mine = threading.Lock()
            mine.acquire()
            self._waiting.append(mine)
        if mine.acquire(timeout=timeout_s):
            return True
        with self._changing:
            if mine not in self._waiting:  # handed over a moment ago
                return True
            self._waiting.remove(mine)
            return False

    def come_back(self) -> None:
        """Enter without waiting, who has been in: one more of those who leave is not replaced."""
        with self._changing:
            self._free -= 1

    def leave(self) -> None:
        """Give the place up."""
        with self._changing:
            if self._waiting and self._free >= 0:
                self._waiting.popleft().release()
            else:
                self._free += 1
