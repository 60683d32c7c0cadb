"""Listening sockets, and the choice between HTTP/2 and HTTP/1.1 for each connection."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from serving.sockets import frames
from serving.sockets.accepting import Accepting, Greeting
from serving.sockets.asgi import App
from serving.sockets.entrance import Arrivals, Entrance
from serving.sockets.http1 import Http1Connection
from serving.sockets.http2 import Http2Connection
from serving.sockets.limits import Limits
from serving.sockets.siblings import Siblings

ALPN = ("h2", "http/1.1")


class Connection(Protocol):
    """A connection that can be ended."""

    def leave(self) -> None:
        """Close when what has begun is answered."""
        ...

    def abort(self) -> None:
        """Close at once."""
        ...


@dataclass(frozen=True, slots=True)
class _Held:
    """What is known of a connection.

    Attributes:
        accepting: Where it came in.
        retiring: Ends it when it is old enough; None while it is not known what it speaks.
    """

    accepting: Accepting
    retiring: asyncio.TimerHandle | None = None


class SocketServer:
    """Serves *app* on sockets that are bound already.  Lives on one event loop."""

    def __init__(
        self,
        app: App,
        limits: Limits,
        arrivals: Arrivals | None = None,
        siblings: Siblings | None = None,
    ) -> None:
        """Listen nowhere yet.

        Args:
            app: What answers.
            limits: Of each connection.
            arrivals: Counts who is about to enter *app*.
            siblings: Who else listens on the same sockets, in the same order.
        """
        self._entrance = Entrance(app, arrivals or Arrivals())
        self._limits = limits
        self._siblings = siblings
        self._accepting: list[Accepting] = []
        self._connections: dict[Connection, _Held] = {}
        self._is_closing = False
        self._all_gone = asyncio.Event()
        self._all_gone.set()

    def listen(self, sock: socket.socket, tls: ssl.SSLContext | None = None) -> None:
        """Accept connections from now on.

        Args:
            sock: Bound, of any family; it is this server's from now on.
            tls: For TLS; its protocols for ALPN should be ``ALPN``.
        """
        greeting = Greeting(self._make, tls, self._limits.headers_s)
        # A Unix domain socket under way on another makes the kernel look for cycles of them.
        siblings = None if sock.family == socket.AF_UNIX else self._siblings
        accepting = Accepting(sock, len(self._accepting), greeting, siblings)
        self._accepting.append(accepting)
        accepting.begin()

    def join_siblings(self) -> None:
        """Give connections to the others, and take theirs, when all sockets are listened on."""
        if self._siblings is not None:
            self._siblings.begin(lambda sock, lane: self._accepting[lane].take(sock))

    def _make(self, accepting: Accepting) -> asyncio.Protocol:
        return _Chooser(self, accepting)

    @property
    def wait_s(self) -> float:
        """Seconds for a connection to say what it is."""
        return self._limits.headers_s

    def greet(self, chooser: _Chooser, accepting: Accepting) -> None:
        """A connection is there, encrypted if it is to be."""
        self._connections[chooser] = _Held(accepting)
        self._all_gone.clear()
        if self._is_closing:  # TLS took its time
            chooser.abort()

    def adopt(self, chooser: _Chooser, *, is_http2: bool) -> asyncio.Protocol:
        """The protocol that goes on where *chooser* has read enough."""
        kind: Callable[..., Http1Connection | Http2Connection]
        kind = Http2Connection if is_http2 else Http1Connection
        connection = kind(self._entrance, self._limits, self.forget)
        timer: asyncio.TimerHandle | None = None
        if self._limits.max_age_s:
            loop = asyncio.get_running_loop()
            timer = loop.call_later(self._limits.max_age_s, connection.leave)
        held = self._connections.pop(chooser)
        self._connections[connection] = _Held(held.accepting, timer)
        return connection

    def forget(self, connection: Connection) -> None:
        """A connection has ended."""
        held = self._connections.pop(connection, None)
        if held is not None:
            held.accepting.gone()
            if held.retiring is not None:  # it would keep the connection's memory until then
                held.retiring.cancel()
        if not self._connections:
            self._all_gone.set()

    async def close(self, grace_s: float) -> None:
        """Accept no more, let what has begun finish for *grace_s* seconds, then end the rest."""
        self._is_closing = True
        if self._siblings is not None:
            self._siblings.end()
        for accepting in self._accepting:
            accepting.end()
        for connection in tuple(self._connections):
            connection.leave()
        try:
            async with asyncio.timeout(grace_s):
                await self._all_gone.wait()
        except TimeoutError:
            for connection in tuple(self._connections):
                connection.abort()
            await self._all_gone.wait()

    @property
    def addresses(self) -> Sequence[str]:
        """What is listened on, as ``host:port`` or a path."""
        names = [accepting.listener.getsockname() for accepting in self._accepting]
        return [name if isinstance(name, str) else f"{name[0]}:{name[1]}" for name in names]


class _Chooser(asyncio.Protocol):
    """Reads the first bytes of a connection and hands it to the protocol they begin."""

    def __init__(self, server: SocketServer, accepting: Accepting) -> None:
        self._server = server
        self._accepting = accepting
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the first bytes, unless TLS has settled it."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._server.greet(self, self._accepting)
        sock = transport.get_extra_info("socket")
        if sock is not None and sock.family != socket.AF_UNIX:
            # A peer that lost its power says nothing: the system asks for us.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            # asyncio does it only where the listener was told that its protocol is TCP.
            # Else what follows unanswered bytes, an answer a window update, waits 40 ms.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._timer = asyncio.get_running_loop().call_later(self._server.wait_s, transport.close)
        tls = transport.get_extra_info("ssl_object")
        if tls is not None and tls.selected_alpn_protocol() == "h2":
            self._hand_over(is_http2=True)

    def data_received(self, data: bytes) -> None:
        """Decide as soon as the bytes are no longer the beginning of both."""
        self._data += data
        begin = self._data[: len(frames.PREFACE)]
        if begin == frames.PREFACE:
            self._hand_over(is_http2=True)
        elif not frames.PREFACE.startswith(begin):
            self._hand_over(is_http2=False)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        """The client went before it said anything."""
        self._timer.cancel()
        self._server.forget(self)

    def leave(self) -> None:
        """Close: nothing has begun."""
        self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()

    def _hand_over(self, *, is_http2: bool) -> None:
        self._timer.cancel()
        protocol = self._server.adopt(self, is_http2=is_http2)
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)
        if self._data:
            protocol.data_received(self._data)
