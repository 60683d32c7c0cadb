"""How many calls for a model may be inside at once.

Calls wait in more places than the model's queue: in the event loop, while their messages
are read and written.  Beyond the limit a call is refused before its body is looked at, which
costs a part of what answering it would.
"""

from __future__ import annotations

from types import TracebackType

from model_store.errors import Overloaded


class Admission:
    """A count to enter and leave with ``with``.  Lives on one event loop.

    Attributes:
        calls: That are inside.
    """

    def __init__(self, most: int) -> None:
        self.calls = 0
        self._most = most

    def enter(self) -> None:
        """Come in.

        Raises:
            Overloaded: As many as may are inside.
        """
        if self.calls >= self._most:
            raise Overloaded(f"the server is full: {self.calls} calls are in it and no more may")
        self.calls += 1

    def leave(self) -> None:
        """Go out again."""
        self.calls -= 1

    def __enter__(self) -> None:
        """Come in, as ``enter`` does."""
        self.enter()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave."""
        self.leave()
