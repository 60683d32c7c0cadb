"""Where requests enter the application, counted until it goes on with them.

A request whose bytes have come waits for the event loop's next turn like every other that
came with it.  Whoever runs the first of them can so know that more will follow at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine
from dataclasses import dataclass
from typing import Any

from serving.sockets.asgi import App, Event, Receive, Send


@dataclass(slots=True)
class Arrivals:
    """Requests that can go on and have not yet, on all sockets of one event loop."""

    count: int = 0

    def are_there(self) -> bool:
        """Whether another request goes on before the event loop reads more."""
        return self.count > 0


class News:
    """What a request waits for; once it is told it counts as arrived until it goes on."""

    __slots__ = ("_arrivals", "_told")

    def __init__(self, arrivals: Arrivals) -> None:
        self._arrivals = arrivals
        self._told: asyncio.Future[None] | None = None

    def tell(self) -> None:
        """Wake whoever waits."""
        if self._told is not None and not self._told.done():
            self._told.set_result(None)
            self._arrivals.count += 1

    async def wait(self) -> None:
        """Return when it is told."""
        told = self._told = asyncio.get_running_loop().create_future()
        try:
            await told
        finally:  # who is cancelled was woken before that, or not
            if told.done() and not told.cancelled():
                self._arrivals.count -= 1


class Entrance:
    """An application, and who waits to enter it.  Lives on one event loop."""

    __slots__ = ("_app", "_arrivals", "_loop")

    def __init__(self, app: App, arrivals: Arrivals) -> None:
        self._app = app
        self._arrivals = arrivals
        self._loop = asyncio.get_running_loop()

    def begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Let *work*, which will ``enter``, begin with the event loop's next turn."""
        self._arrivals.count += 1
        return self._loop.create_task(work)

    def news(self) -> News:
        """What a request waits for that has entered before all of it has come."""
        return News(self._arrivals)

    def enter(self, scope: Event, receive: Receive, send: Send) -> Awaitable[None]:
        """The application's answer to one request."""
        self._arrivals.count -= 1
        return self._app(scope, receive, send)
