"""Ends the work on a call that is of no use any more: its time is over, or its caller gone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from model_store.errors import Cancelled, DeadlineExceeded, EaselError
from serving.services.methods import Call
from serving.transport.asgi import Receive

INTERVAL_S = 0.05

ResultT = TypeVar("ResultT")


async def unless_gone(work: Awaitable[ResultT], call: Call, receive: Receive) -> ResultT:
    """Await *work*, but no longer than the deadline and the client's presence.

    Raises:
        DeadlineExceeded: The deadline came first.
        Cancelled: The client went away first.
    """
    guard = Guard(call.deadline, receive)
    try:
        return await work
    except asyncio.CancelledError:
        if guard.reason is None:
            raise
        raise guard.reason from None
    finally:
        guard.stop()


class Guard:
    """Cancels the task that made it when its call is of no use any more.

    Most calls end before the first look, so that one costs them a timer and no task.
    After it a task waits for the disconnect and a timer for the deadline; thousands of calls
    may be waiting, so that nothing else is done for each of them.
    """

    def __init__(self, deadline: float | None, receive: Receive) -> None:
        self.reason: EaselError | None = None
        self._deadline = deadline
        self._receive = receive
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task(self._loop)
        self._watch: asyncio.Task[None] | None = None
        self._timer = self._loop.call_later(self._pause_s(), self._start)

    def stop(self) -> None:
        """Watch no longer; what was seen already is of no use."""
        self._task = None
        self._timer.cancel()
        if self._watch is not None:
            self._watch.cancel()

    def _pause_s(self) -> float:
        if self._deadline is None:
            return INTERVAL_S
        return min(INTERVAL_S, max(self._deadline - self._loop.time(), 0.0))

    def _start(self) -> None:
        if self._deadline is not None and self._loop.time() >= self._deadline:
            self._expire()
            return
        self._watch = self._loop.create_task(wait_for_disconnect(self._receive))
        self._watch.add_done_callback(self._on_gone)
        if self._deadline is not None:
            self._timer = self._loop.call_at(self._deadline, self._expire)

    def _expire(self) -> None:
        self._cancel(DeadlineExceeded("the deadline passed"))

    def _on_gone(self, watch: asyncio.Task[None]) -> None:
        if not watch.cancelled():
            watch.exception()  # a server that fails to say so is no client either
            self._cancel(Cancelled("the client went away"))

    def _cancel(self, reason: EaselError) -> None:
        self.reason = reason
        if self._task is not None:
            self._task.cancel()


async def wait_for_disconnect(receive: Receive) -> None:
    """Return when the client has gone; what it still sends is thrown away."""
    while (await receive())["type"] != "http.disconnect":  # noqa: ASYNC110 - some servers give empty events at once
        await asyncio.sleep(INTERVAL_S)
