"""One value for each process: gRPC channels have threads, and threads do not survive a fork."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class PerProcess(Generic[T]):
    """Makes its value on first use, and again in a forked process; thread-safe."""

    def __init__(self, make: Callable[[], T]) -> None:
        """Nothing is made yet."""
        self._make = make
        self._lock = threading.Lock()
        self._made: tuple[int, T] | None = None
        # A channel that was made before a fork must not be closed after it, not even by chance.
        self._inherited: list[T] = []

    def get(self) -> T:
        """This process' value; a failure to make it is raised, and the next call tries again."""
        made = self._made
        if made is not None and made[0] == os.getpid():
            return made[1]
        with self._lock:
            if self._made is not None and self._made[0] != os.getpid():
                self._inherited.append(self._made[1])
                self._made = None
            if self._made is None:
                self._made = (os.getpid(), self._make())
            return self._made[1]

    def made(self) -> T | None:
        """This process' value if it has one."""
        made = self._made
        return made[1] if made is not None and made[0] == os.getpid() else None
