"""Values that belong to one process: threads and connections do not survive a fork."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar
from weakref import WeakSet

T = TypeVar("T")


class PerProcess(Generic[T]):
    """Makes a value on first use, and another one in each forked process."""

    def __init__(self, make: Callable[[], T]) -> None:
        """Nothing is made yet."""
        self._make = make
        self._lock = threading.Lock()
        self._value: T | None = None
        _everywhere.add(self)

    def get(self) -> T:
        """This process' value."""
        value = self._value
        return self._made() if value is None else value

    def take(self) -> T | None:
        """Give the value up, if there is one; the next ``get`` makes another."""
        with self._lock:
            value, self._value = self._value, None
            return value

    def _made(self) -> T:
        with self._lock:
            if self._value is None:
                self._value = self._make()
            return self._value

    def forget(self) -> None:
        """Leave the parent's value alone: it is not this process' to close."""
        if self._value is not None:
            _left_behind.append(self._value)
        # A thread that does not exist here may have held the old one.
        self._lock, self._value = threading.Lock(), None


_everywhere: WeakSet[PerProcess[Any]] = WeakSet()
# What a child was born with.  To let go of it would close what the parent still uses.
_left_behind: list[Any] = []


def _forget_all() -> None:
    for each in list(_everywhere):
        each.forget()


os.register_at_fork(after_in_child=_forget_all)
