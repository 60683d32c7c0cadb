"""Takes the connections of one listener, but those that a sibling is to have."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass

from serving.sockets.siblings import Siblings

logger = logging.getLogger(__name__)

_BACKLOG = 1024
# Connections in one turn of the event loop.
_AT_ONCE = 128
# Too many files are open: accepting fails until some are closed, and so would go round and round.
_NO_ROOM = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
_REST_S = 1.0


@dataclass(frozen=True, slots=True)
class Greeting:
    """How a connection begins.

    Attributes:
        make: Its protocol; whoever has it tells where it came from when it is ``gone``.
        tls: For TLS.
        tls_s: Seconds for that to be agreed on.
    """

    make: Callable[[Accepting], asyncio.Protocol]
    tls: ssl.SSLContext | None
    tls_s: float


class Accepting:
    """One listener.  Lives on one event loop."""

    def __init__(
        self, listener: socket.socket, lane: int, greeting: Greeting, siblings: Siblings | None
    ) -> None:
        """Accept nothing yet.

        Args:
            listener: Bound; it is this object's from now on.
            lane: Its number, the same in all *siblings*.
            greeting: For each connection.
            siblings: Who else takes connections.
        """
        self.listener = listener
        self._lane = lane
        self._greeting = greeting
        self._siblings = siblings
        self._greeted: set[asyncio.Task[None]] = set()
        self._resting: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Accept from now on."""
        self.listener.setblocking(False)
        self.listener.listen(_BACKLOG)
        asyncio.get_running_loop().add_reader(self.listener, self._accept)

    def end(self) -> None:
        """Accept no more; who waits in the system's queue is refused."""
        if self.listener.fileno() < 0:
            return
        if self._resting is not None:
            self._resting.cancel()
        asyncio.get_running_loop().remove_reader(self.listener)
        self.listener.close()

    def take(self, connection: socket.socket) -> None:
        """Serve a connection."""
        self._count(1)
        task = asyncio.get_running_loop().create_task(self._greet(connection))
        self._greeted.add(task)  # the event loop keeps no task alive
        task.add_done_callback(self._greeted.discard)

    def gone(self) -> None:
        """A connection that was served has ended."""
        self._count(-1)

    def _count(self, change: int) -> None:
        if self._siblings is not None:
            self._siblings.count(self._lane, change)

    def _accept(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                connection, _ = self.listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in _NO_ROOM:
                    raise
                logger.error("no connection can be accepted: %s", error)
                self._rest()
                return
            if self._siblings is None or not self._siblings.hand_over(connection, self._lane):
                self.take(connection)

    def _rest(self) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(self.listener)
        self._resting = loop.call_later(_REST_S, self.begin)

    async def _greet(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        greeting = self._greeting
        tls_s = None if greeting.tls is None else greeting.tls_s
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: greeting.make(self), connection,
                ssl=greeting.tls, ssl_handshake_timeout=tls_s,
            )  # fmt: skip
        except OSError as error:  # TLS was not agreed on
            logger.debug("a connection did not begin: %s", error)
            self.gone()
