"""What all models of a process do, and whom a run on its event loop would keep waiting.

A thread for a run of some milliseconds costs its model a tenth: two hand-overs, a task, and
code gone cold.  It is worth that while another core is idle, or calls of another model would
have to wait; else the run keeps the loop.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

# Longer runs always get a thread: health checks and clients that leave are seen between runs.
LONGEST_S = 0.01
# After another model was called.
_PEACE_S = 1.0


@dataclass(slots=True)
class Floor:
    """What all models of one process do.  Lives on one event loop.

    Attributes:
        others_are_busy: Whether no other core is left for a second run.
        tell: Gets the number of requests inside whenever it changes.
        has_company: Whether a request may be joined by others that have come with it and are
            not in the engine yet; one that is not runs at once.
        clock: In seconds.
        inside: Requests of all models, waiting and running.
    """

    others_are_busy: Callable[[], bool] = lambda: False
    tell: Callable[[int], None] = lambda _: None
    has_company: Callable[[], bool] = lambda: True
    clock: Callable[[], float] = time.monotonic
    inside: int = 0
    _user: int = 0
    _since: float = 0.0

    def enter(self, user: object) -> None:
        """A request of *user*, a model, has come."""
        # Its number: whoever holds it keeps an unloaded model in memory.
        if id(user) != self._user:
            self._user, self._since = id(user), self.clock()
        self.inside += 1
        self.tell(self.inside)

    def leave(self) -> None:
        """One of those has been answered, or has failed."""
        self.inside -= 1
        self.tell(self.inside)

    def is_free(self, seconds: float, *, is_last: bool) -> bool:
        """Whether a run may keep the event loop now.

        Args:
            seconds: How long it is expected to take.
            is_last: Whether nothing waits behind it.
        """
        return (
            seconds <= LONGEST_S
            and ((is_last and self.inside == 1) or self.others_are_busy())
            and self.clock() - self._since > _PEACE_S
        )
