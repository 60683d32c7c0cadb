"""A queue that is bounded in bytes: who puts never waits, who takes gets all there is."""

from __future__ import annotations

from collections import deque
from threading import Condition
from typing import Generic, TypeVar

ItemT = TypeVar("ItemT")


class ByteQueue(Generic[ItemT]):
    """Items of some size each, together at most *most_bytes*."""

    def __init__(self, most_bytes: int) -> None:
        """Empty, and open."""
        self._most_bytes = most_bytes
        self._items: deque[tuple[ItemT, int]] = deque()
        self._bytes = 0
        self._put = 0
        self._done = 0
        self._is_open = True
        self._changed = Condition()

    def put(self, item: ItemT, size_bytes: int) -> bool:
        """Add an item; False if there is no room for it, or the queue is closed."""
        with self._changed:
            if not self._is_open or self._bytes + size_bytes > self._most_bytes:
                return False
            self._items.append((item, size_bytes))
            self._bytes += size_bytes
            self._put += 1
            self._changed.notify_all()
            return True

    def take(self, timeout_s: float) -> tuple[ItemT, ...]:
        """All there is, oldest first; nothing after *timeout_s* without any, or at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._items or not self._is_open, timeout_s)
            return tuple(item for item, _ in self._items)

    def done(self, count: int) -> None:
        """The oldest *count* are dealt with, and make room."""
        with self._changed:
            for _ in range(count):
                _, size_bytes = self._items.popleft()
                self._bytes -= size_bytes
            self._done += count
            self._changed.notify_all()

    def settle(self, timeout_s: float) -> bool:
        """Wait until all that was put until now is dealt with; False if it is not by then."""
        with self._changed:
            wanted = self._put
            return self._changed.wait_for(lambda: self._done >= wanted, timeout_s)

    def close(self) -> None:
        """Take nothing more in; what is there can still be taken."""
        with self._changed:
            self._is_open = False
            self._changed.notify_all()

    @property
    def has_ended(self) -> bool:
        """Whether it is closed and empty."""
        with self._changed:
            return not self._is_open and not self._items
