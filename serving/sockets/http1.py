"""One HTTP/1.1 connection (RFC 9112): requests one after the other, also when pipelined."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable

import httptools

from serving.sockets.alarm import Alarm
from serving.sockets.asgi import make_scope, peer_of
from serving.sockets.entrance import Entrance, Make
from serving.sockets.exchange import (
    TOO_LONG,
    Exchange,
    NoRequest,
    check_host,
    expects_continue,
    reason_of,
    refusal,
    request_head,
)
from serving.sockets.limits import Limits
from serving.sockets.repeated import Heads, Repeated
from serving.sockets.writing import Writer

logger = logging.getLogger(__name__)

# A client may send requests ahead of the answers, but not endlessly.
_AHEAD = 16
_LINGER_S = 0.5
_UNREAD_BYTES = 1024 * 1024


class Http1Connection(asyncio.Protocol):
    """Answers one client."""

    def __init__(self, entrance: Entrance, limits: Limits, on_end: Callable[..., None]) -> None:
        self.entrance = entrance
        self._limits = limits
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._target = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._header_bytes = self._untold = 0
        self._incoming: Exchange | None = None
        self._begun, self._is_within = 0, False
        self._heads = Heads()
        self._waiting: deque[Exchange] = deque()
        self._current: Exchange | None = None
        self._new: Exchange | None = None
        self._alarm = Alarm(self._give_up)
        self._wait, self._wait_no_more = self._alarm.set, self._alarm.clear
        self.is_leaving = self._has_failed = False
        self._is_reading = True

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for a request."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._writer = Writer(transport, self._limits.unread_s)
        self.write, self.writable = self._writer.write, self._writer.writable
        self._peer = peer_of(transport)
        self._wait(self._limits.headers_s)

    def data_received(self, data: bytes) -> None:
        """Parse; the parser calls the ``on_`` methods."""
        if self._has_failed:
            return
        is_next = self._current is None and not self._is_within
        if is_next and (found := self._heads.find(data)) is not None:
            self._repeat(found)
            return
        self._begun = 0
        try:
            self._untold += len(data)
            self._feed(data, may_repeat=is_next)
            if self._untold > self._limits.header_bytes:  # the parser keeps what has no end yet
                raise NoRequest(f"a line of more than {self._limits.header_bytes} bytes", TOO_LONG)
            if self._writer.is_behind():
                self._is_reading = False
                self._transport.pause_reading()
        except httptools.HttpParserUpgrade as upgrade:
            self._ignore_upgrade(data[upgrade.args[0] :])
        except (httptools.HttpParserError, NoRequest) as error:
            reason = reason_of(error)
            self._refuse(reason.status, str(reason))

    def eof_received(self) -> bool:
        """The client sends no more: most have gone, some still read what is answered."""
        self.is_leaving = True
        if self._current is not None:
            self._current.hang_up()
        stays = self._incoming is None and self._current is not None and not self._peer.is_secure
        if not stays:
            self._writer.close()
        return stays

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        """Tell every application that its client has gone."""
        self._alarm.stop()
        for exchange in (self._incoming, self._current, *self._waiting):
            if exchange is not None:
                exchange.disconnect()
        self._writer.lose()
        self._on_end(self)

    def pause_writing(self) -> None:
        """The client reads slower than is written."""
        self._writer.pause()

    def resume_writing(self) -> None:
        """The client has caught up."""
        self._writer.resume()
        self.read_on()

    # httptools' callbacks

    def on_message_begin(self) -> None:
        """A request's first byte."""
        self._target = b""
        self._headers = []
        self._header_bytes = 1
        self._begun += 1
        self._is_within = True
        self._wait(self._limits.headers_s)

    def on_url(self, url: bytes) -> None:
        """A piece of the target."""
        self._target += url
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        self._count(len(name) + len(value) + 32)
        if self._incoming is None:  # what follows a body is no header (RFC 9110, section 6.5.1)
            self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """The application can begin."""
        if self._parser.should_upgrade():
            return
        method = self._parser.get_method()
        version = self._parser.get_http_version()
        check_host(version, self._headers)
        scope = make_scope(version, method, self._target, self._headers, self._peer)
        exchange = Exchange(self, scope, expects_continue=expects_continue(self._headers))
        exchange.keeps_alive = self._parser.should_keep_alive()
        self._incoming = exchange
        if self._current is None:
            self._current = self._new = exchange  # its body may come with it
        else:
            self._waiting.append(exchange)
            if len(self._waiting) >= _AHEAD:
                self._hold_back()
        self._wait(self._limits.stall_s)

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._untold = 0
        if self._incoming is not None and self._incoming.feed(body) > _UNREAD_BYTES:
            self._hold_back()
        self._wait(self._limits.stall_s)

    def on_message_complete(self) -> None:
        """The request is whole."""
        if self._incoming is not None:
            self._incoming.feed_end()
        self._incoming = None
        self._is_within = False
        self._untold = 0
        self._wait_no_more()

    def _feed(self, data: bytes, *, may_repeat: bool) -> None:
        """Let the parser read, begin what began, and remember what may come again."""
        try:
            self._parser.feed_data(data)
        finally:
            exchange, self._new = self._new, None
            if exchange is not None:
                body = exchange.whole()
                make = None if body is None else self.entrance.direct(exchange.scope)
                if body is not None and may_repeat and self._begun == 1 and exchange.keeps_alive:
                    self._heads.note(data, exchange.scope, body, make)
                self._begin(exchange, make)

    def _repeat(self, found: Repeated) -> None:
        """A whole request that begins as the last one did."""
        exchange = Exchange(self, found.scope, expects_continue=False)
        exchange.feed_whole(found.body)
        self._begin(exchange, found.make)
        self._wait_no_more()

    def _ignore_upgrade(self, rest: bytes) -> None:
        """Nobody here speaks what was asked for; RFC 9110, section 7.8, lets us go on.

        The parser takes the body for the other protocol's, unless it is not told of one.
        """
        method = self._parser.get_method()
        if method == b"CONNECT":
            self._refuse(b"501 Not Implemented", "this is no proxy")
            return
        head = (method, self._target, self._parser.get_http_version().encode(), self._headers)
        self._parser = httptools.HttpRequestParser(self)
        self.data_received(request_head(*head) + rest)

    # The application's side

    def _begin(self, exchange: Exchange, make: Make | None = None) -> None:
        self._current = exchange
        if make is None or self._writer.is_paused:
            exchange.task = self.entrance.begin(self._run(exchange))
        else:
            self.entrance.begin_direct(make(exchange, exchange.whole() or b""))

    async def _run(self, exchange: Exchange) -> None:
        """The application's whole work on one request, whatever becomes of it."""
        if self._writer.is_paused:
            await self.writable()  # one that asks ahead must take the answers
        try:
            await self.entrance.enter(exchange.scope, exchange.receive, exchange.send)
        except Exception:
            logger.exception("the application failed at %s", exchange.scope["path"])
        finally:
            self.finish(exchange)

    def finish(self, exchange: Exchange) -> None:
        """The application has done with *exchange*, answered or not."""
        self._current = None
        if not exchange.is_answered:
            self._transport.abort()  # a half answer must not look like a whole one
        elif self.is_leaving or not exchange.keeps_alive or exchange is self._incoming:
            # What is still to come of an unread body could not be told from a request.
            self._end(is_unread=exchange is self._incoming)
        elif self._waiting:
            self.read_on()
            self._begin(self._waiting.popleft())
            if self._incoming is not None:
                self._wait(self._limits.stall_s)
        elif self._incoming is None:
            self.read_on()
            self._wait(self._limits.idle_s)

    def read_on(self) -> None:
        """The application has caught up with what came."""
        if not (self._is_reading or self._transport.is_closing() or self._writer.is_behind()):
            self._is_reading = True
            self._transport.resume_reading()

    def _hold_back(self) -> None:
        if self._is_reading and not self._transport.is_closing():
            self._is_reading = False
            self._transport.pause_reading()
            self._wait_no_more()

    # The end

    def leave(self) -> None:
        """Close when what has begun is answered."""
        self.is_leaving = True
        if self._current is None and self._incoming is None:
            self._writer.close()

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()

    def _refuse(self, status: bytes, why: str) -> None:
        """Answer what is no request, if no other answer is under way, and close."""
        self._wait_no_more()
        self.is_leaving = self._has_failed = True
        if self._incoming is not None:
            self._incoming.disconnect()
        if self._current is None:
            self.write(refusal(status, why))
            self._end(is_unread=True)

    def _end(self, *, is_unread: bool) -> None:
        """Close; with input unread that would reset the connection, and the answer be lost."""
        if not is_unread:
            self._writer.close()
            return
        self.is_leaving = self._has_failed = True
        self.read_on()
        self._loop.call_later(_LINGER_S, self._writer.close)

    def _count(self, size: int) -> None:
        self._untold = 0
        self._header_bytes += size
        if self._header_bytes > self._limits.header_bytes:
            raise NoRequest(f"more than {self._limits.header_bytes} bytes of headers", TOO_LONG)

    def _give_up(self) -> None:
        if self._current is None or self._incoming is self._current:
            self._writer.close()
