"""Where requests enter the application, counted until it goes on with them.

A request whose bytes have come waits for the event loop's next turn like every other that
came with it.  Whoever runs the first of them can so know that more will follow at once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from serving.sockets.asgi import App, Event, Headers, Receive, Send

logger = logging.getLogger(__name__)


class Direct(Protocol):
    """A request that is answered without a task, as long as no step of it takes long."""

    def begin(self) -> bool:
        """Go as far as can be gone; returns whether that was to the end."""
        ...

    def go_on(self) -> None:
        """All that began with it, and what they gave the event loop to do, has had its turn."""
        ...


class Answerable(Protocol):
    """A request that came whole, and the way to its answer.

    Attributes:
        is_gone: Whether nobody waits for it any more.
        task: What answers it, where that is a task.
    """

    is_gone: bool
    task: asyncio.Task[None] | None

    def answer(
        self, status: int, headers: Headers, body: bytes, trailers: Headers | None = None
    ) -> bool:
        """Send the whole answer, if the client takes so much now; returns whether it does."""
        ...

    def end(self) -> None:
        """The application has done with it, answered or not."""
        ...

    async def receive(self) -> Event:
        """ASGI's."""
        ...

    async def send(self, event: Event) -> None:
        """ASGI's."""
        ...


# Headers that tell one request from another and change nothing of how it is answered.
LABELS = frozenset({b"x-request-id", b"traceparent"})


class Make(Protocol):
    """Makes a request that is answered without a task."""

    def __call__(self, exchange: Answerable, body: bytes, *, labels: Headers = ()) -> Direct:
        """Of one that came whole, with *labels* in place of those that it was made for."""
        ...


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

    __slots__ = ("_app", "_arrivals", "_directs", "_loop", "direct")

    def __init__(self, app: App, arrivals: Arrivals) -> None:
        self._app = app
        self._arrivals = arrivals
        self._directs: list[Direct] = []
        self._loop = asyncio.get_running_loop()
        # An application may have it: what makes such requests of those with a scope, if any does.
        self.direct: Callable[[Event], Make | None] = getattr(app, "direct", _none)

    def begin_direct(self, request: Direct) -> None:
        """Begin *request* with the event loop's next turn, and go on with the one after."""
        self._arrivals.count += 1
        if not self._directs:
            self._loop.call_soon(self._begin_directs)
        self._directs.append(request)

    def _begin_directs(self) -> None:
        requests, self._directs = self._directs, []
        waiting: list[Direct] = []
        for request in requests:
            self._arrivals.count -= 1
            try:
                if not request.begin():
                    waiting.append(request)
            except Exception:
                logger.exception("a request could not be answered")
        if waiting:
            self._loop.call_soon(_go_on, waiting)

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


def _go_on(requests: Sequence[Direct]) -> None:
    for request in requests:
        try:
            request.go_on()
        except Exception:
            logger.exception("a request could not be answered")


def _none(_scope: Event) -> None:
    return None
