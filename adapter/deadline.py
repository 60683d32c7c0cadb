"""Until when an answer is wanted: set once where a request arrives, obeyed by all it causes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from model_store.errors import DeadlineExceeded


@dataclass(frozen=True, slots=True)
class Deadline:
    """A point in time on *clock*, in its seconds."""

    at: float
    clock: Callable[[], float] = time.monotonic

    @classmethod
    def after(cls, timeout_s: float, clock: Callable[[], float] = time.monotonic) -> Deadline:
        """The deadline that is *timeout_s* from now."""
        return cls(clock() + timeout_s, clock)

    def left_s(self) -> float:
        """Seconds that are left, more than 0.

        Raises:
            DeadlineExceeded: None are.
        """
        left = self.at - self.clock()
        if left <= 0:
            raise DeadlineExceeded("the request's time was over before its answer was ready")
        return left
