"""Ends the work on a call that is of no use any more: its time is over, or its caller gone."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from model_store.errors import Cancelled, DeadlineExceeded, EaselError
from serving.transport.asgi import Receive

INTERVAL_S = 0.05


class Guard:
    """Cancels the task that entered it when its call is of no use any more.

    The block reads the request, then calls ``watch``, then works.  It ends with
    DeadlineExceeded when the deadline came first, with Cancelled when the client left.

    Most calls end before the first look, so that one costs them a timer and no task.
    After it a task waits for the disconnect and a timer for the deadline; thousands of calls
    may be waiting, so that nothing else is done for each of them.
    """

    def __init__(self, deadline: float | None) -> None:
        self.reason: EaselError | None = None
        self._deadline = deadline
        self._receive: Receive | None = None
        self._has_begun = False
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task(self._loop)
        self._watch: asyncio.Task[None] | None = None
        self._timer = self._loop.call_later(self._pause_s(), self._start)

    def watch(self, receive: Receive) -> None:
        """The request has come: from now on *receive* tells when the client goes."""
        self._receive = receive
        if self._has_begun:
            self._follow(receive)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._task = None  # what was seen already is of no use
        self._timer.cancel()
        if self._watch is not None:
            self._watch.cancel()
        if kind is asyncio.CancelledError and self.reason is not None:
            raise self.reason from None

    def _pause_s(self) -> float:
        if self._deadline is None:
            return INTERVAL_S
        return min(INTERVAL_S, max(self._deadline - self._loop.time(), 0.0))

    def _start(self) -> None:
        if self._deadline is not None and self._loop.time() >= self._deadline:
            self._expire()
            return
        self._has_begun = True
        if self._receive is not None:
            self._follow(self._receive)
        if self._deadline is not None:
            self._timer = self._loop.call_at(self._deadline, self._expire)

    def _follow(self, receive: Receive) -> None:
        self._watch = self._loop.create_task(wait_for_disconnect(receive))
        self._watch.add_done_callback(self._on_gone)

    def _expire(self) -> None:
        what = "" if self._receive is not None else " before the whole request came"
        self._cancel(DeadlineExceeded(f"the deadline passed{what}"))

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
