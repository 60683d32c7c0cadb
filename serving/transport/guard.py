"""Ends the work on a call that is of no use any more: its time is over, or its caller gone."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from model_store.errors import Cancelled, DeadlineExceeded, EaselError
from serving.transport.asgi import Receive
from serving.transport.memory import Memory

INTERVAL_S = 0.25
# Whoever has longer than the second look may take has no timer until then.
_SOON_S = 2 * INTERVAL_S


class Patrol:
    """Comes by the calls that last.  Lives on one event loop.

    Most calls end before it comes by a second time, and cost it an entry in a set: not a
    timer each, and no task, of which thousands that wait would take a fifth of the time.
    """

    def __init__(self, memory: Memory) -> None:
        """Guard calls whose requests are held in *memory*."""
        self.memory = memory
        self._new: set[Guard] = set()
        self._seen: set[Guard] = set()
        self._is_under_way = False

    def guard(self, deadline: float | None) -> Guard:
        """A guard of the call that this task answers."""
        return Guard(self, deadline)

    def add(self, guard: Guard) -> None:
        """Let *guard* look after its call itself from the second look on."""
        self._new.add(guard)
        if not self._is_under_way:
            self._go()

    def remove(self, guard: Guard) -> None:
        """The call has ended."""
        self._new.discard(guard)
        self._seen.discard(guard)

    def _go(self) -> None:
        self._is_under_way = True
        asyncio.get_running_loop().call_later(INTERVAL_S, self._look)

    def _look(self) -> None:
        lasting, self._seen, self._new = self._seen, self._new, set()
        for guard in lasting:
            guard.last()
        self._is_under_way = False
        if self._seen:
            self._go()


class Guard:
    """Cancels the task that entered it when its call is of no use any more.

    The block reads the request, then calls ``watch``, then works.  It ends with
    DeadlineExceeded when the deadline came first, with Cancelled when the client left.
    """

    def __init__(self, patrol: Patrol, deadline: float | None) -> None:
        self.reason: EaselError | None = None
        self._held = 0
        self._patrol = patrol
        self._deadline = deadline
        self._receive: Receive | None = None
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task(self._loop)
        self._following: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._lasts = False
        if deadline is not None and deadline - self._loop.time() < _SOON_S:
            self._timer = self._loop.call_at(deadline, self._expire)
        patrol.add(self)

    def hold(self, size: int) -> None:
        """The request has *size* bytes more, until the call ends.

        Raises:
            Overloaded: There is no room for them.
        """
        self._patrol.memory.take(size)
        self._held += size

    def watch(self, receive: Receive) -> None:
        """The request has come: from now on *receive* tells when the client goes."""
        self._receive = receive
        if self._lasts:
            self._follow(receive)

    def last(self) -> None:
        """The call lasts: wait for its client to go, and for its deadline."""
        self._lasts = True
        if self._deadline is not None and self._timer is None:
            self._timer = self._loop.call_at(self._deadline, self._expire)
        if self._receive is not None:
            self._follow(self._receive)

    def _follow(self, receive: Receive) -> None:
        self._following = self._loop.create_task(wait_for_disconnect(receive))
        self._following.add_done_callback(self._on_gone)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._task = None  # what was seen already is of no use
        self._patrol.remove(self)
        self._patrol.memory.give(self._held)
        if self._timer is not None:
            self._timer.cancel()
        if self._following is not None:
            self._following.cancel()
        if kind is asyncio.CancelledError and self.reason is not None:
            raise self.reason from None

    def _expire(self) -> None:
        what = "" if self._receive is not None else " before the whole request came"
        self._cancel(DeadlineExceeded(f"the deadline passed{what}"))

    def _on_gone(self, following: asyncio.Task[None]) -> None:
        if not following.cancelled():
            following.exception()  # a server that fails to say so is no client either
            self._cancel(Cancelled("the client went away"))

    def _cancel(self, reason: EaselError) -> None:
        self.reason = reason
        if self._task is not None:
            self._task.cancel()


async def wait_for_disconnect(receive: Receive) -> None:
    """Return when the client has gone; what it still sends is thrown away."""
    while (await receive())["type"] != "http.disconnect":  # noqa: ASYNC110 - some servers give empty events at once
        await asyncio.sleep(INTERVAL_S)
