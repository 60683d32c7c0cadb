"""Who reads and who works at a time in a process.

Reading a body takes a thread for as long as its sender likes, and nothing can end it: so
there are many threads that read, few that work, and one caller has not all of the former.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from adapter.deadline import Deadline
from adapter.line import Line
from model_store.errors import Overloaded, RateLimited

# Threads of a process beyond those that work: most are for bodies that come slowly.
READERS = 60
_EACH = 32
_TOGETHER = 52
# Bodies that are there already are read long before this is over.
_PATIENCE_S = 1.0


class Turns:
    """The turns of one process."""

    def __init__(self, working: int, patience_s: float = _PATIENCE_S) -> None:
        """Let *working* requests at a time do what takes a core.

        Args:
            working: How many.
            patience_s: How long a body waits until it may be read.
        """
        self._line = Line(working)
        self._patience_s = patience_s
        self._changed = threading.Condition(threading.Lock())
        self._reading: dict[str, int] = {}
        self._together = 0

    @contextmanager
    def reading(self, caller: str) -> Iterator[None]:
        """While a body of *caller* is read.

        Raises:
            RateLimited: Too many of the caller's bodies are unfinished.
            Overloaded: Too many of all callers are.
        """
        with self._changed:
            if not self._may_read(caller) and not self._changed.wait_for(
                lambda: self._may_read(caller), self._patience_s
            ):
                if self._unfinished(caller) >= _EACH:
                    raise RateLimited("too many of your requests are unfinished; send them whole")
                raise Overloaded("too many requests are unfinished; try again")
            self._reading[caller] = self._unfinished(caller) + 1
            self._together += 1
        try:
            yield
        finally:
            with self._changed:
                self._together -= 1
                # Who has none is not remembered.
                if left := self._reading.pop(caller) - 1:
                    self._reading[caller] = left
                self._changed.notify_all()

    def _may_read(self, caller: str) -> bool:
        return self._together < _TOGETHER and self._unfinished(caller) < _EACH

    def _unfinished(self, caller: str) -> int:
        return self._reading.get(caller, 0)

    @contextmanager
    def working(self, deadline: Deadline) -> Iterator[None]:
        """While a request is answered that was read.

        Raises:
            Overloaded: It was not its turn before the deadline.
        """
        if not self._line.enter(deadline.left_s()):
            raise Overloaded("too many requests at once; try again")
        try:
            yield
        finally:
            self._line.leave()

    @contextmanager
    def resting(self) -> Iterator[None]:
        """While one whose turn it is waits for something else, others may work."""
        self._line.leave()
        try:
            yield
        finally:
            self._line.come_back()
