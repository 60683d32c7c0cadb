"""One HTTP/1.1 request and its answer: the ASGI application's two callables."""

from __future__ import annotations

import asyncio
from functools import lru_cache
from http import HTTPStatus
from typing import Protocol

from serving.sockets.asgi import DISCONNECT, Event, Headers
from serving.sockets.entrance import Entrance

TOO_LONG = b"431 Request Header Fields Too Large"
_PHRASES = {int(status): status.phrase for status in HTTPStatus}


class Link(Protocol):
    """What an exchange needs of its connection."""

    entrance: Entrance
    is_leaving: bool

    def finish(self, exchange: Exchange) -> None:
        """The application has done with it."""
        ...

    def write(self, data: bytes) -> None:
        """Send now."""
        ...

    def read_on(self) -> None:
        """The application has caught up with what came."""
        ...

    async def writable(self) -> None:
        """Return when the client has taken enough of what was written."""
        ...


class Exchange:
    """A request that the application is, or will be, busy with.  Lives on one event loop."""

    def __init__(self, link: Link, scope: Event, *, expects_continue: bool) -> None:
        self.scope = scope
        self.task: asyncio.Task[None] | None = None
        self.keeps_alive = True
        self.is_answered = self.is_gone = False
        self._link = link
        self._expects_continue = expects_continue
        self._parts: list[bytes] = []
        self._unread = 0
        self._is_body_done = False
        self._is_end_told = False
        self._has_hung_up = False
        self._news = link.entrance.news()
        self._start = b""
        self._is_chunked = False

    def feed(self, body: bytes) -> int:
        """A piece of the body came; returns how many bytes wait now."""
        self._parts.append(body)
        self._unread += len(body)
        self._news.tell()
        return self._unread

    def feed_whole(self, body: bytes) -> None:
        """All of the body came with the head."""
        self._parts = [body] if body else []
        self._unread = len(body)
        self._is_body_done = True

    def whole(self) -> bytes | None:
        """The body, if it came in one piece and nobody has taken it; None otherwise."""
        if not self._is_body_done or self._is_end_told or len(self._parts) > 1:
            return None
        return self._parts[0] if self._parts else b""

    def feed_end(self) -> None:
        """The body is whole."""
        self._is_body_done = True
        self._news.tell()

    def disconnect(self) -> None:
        """Nobody waits for the answer any more."""
        self.is_gone = True
        self._news.tell()

    def hang_up(self) -> None:
        """The client has probably gone; whether it reads the answer is not known."""
        self._has_hung_up = True
        self._news.tell()

    async def receive(self) -> Event:
        """ASGI's ``receive``: the body as it comes, and at last the disconnect."""
        while True:
            if self.is_gone or self.is_answered:
                return DISCONNECT
            if self._parts or (self._is_body_done and not self._is_end_told):
                return self._take()
            if self._has_hung_up:
                return DISCONNECT
            if self._expects_continue:
                self._expects_continue = False
                self._link.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            await self._news.wait()

    def _take(self) -> Event:
        parts = self._parts
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        parts.clear()
        self._unread = 0
        self._expects_continue = False
        self._is_end_told = self._is_body_done
        if not self._is_body_done:
            self._link.read_on()
        return {"type": "http.request", "body": body, "more_body": not self._is_body_done}

    async def send(self, event: Event) -> None:
        """ASGI's ``send``: head and body are written together.

        Raises:
            OSError: Nobody waits for the answer any more.
        """
        if self.is_gone:
            raise ConnectionResetError("the client went away")
        if event["type"] == "http.response.start":
            self._start = self._head(event["status"], event["headers"])
        elif event["type"] == "http.response.body":
            await self._send_body(event.get("body", b""), has_more=event.get("more_body", False))

    def answer(
        self, status: int, headers: Headers, body: bytes, trailers: Headers | None = None
    ) -> bool:
        """The whole answer to a request that came whole and is not for a head alone."""
        assert trailers is None  # whoever has some speaks HTTP/2
        text = self._head(status, headers)
        self._link.write(text + (_chunked(body, is_last=True) if self._is_chunked else body))
        self.is_answered = True
        return True

    def end(self) -> None:
        """The application has done with it, answered or not."""
        self._link.finish(self)

    def _head(self, status: int, headers: Headers) -> bytes:
        lines = [_status_line(status), *[b"%s: %s\r\n" % each for each in headers]]
        # ASGI has names in lower case.
        has_length = any([name == b"content-length" for name, _ in headers])
        has_body = status >= 200 and status not in (204, 304)
        is_old = self.scope["http_version"] == "1.0"
        self._is_chunked = has_body and not is_old and not has_length
        if self._is_chunked:
            lines.append(b"transfer-encoding: chunked\r\n")
        elif has_body and not has_length:
            self.keeps_alive = False  # HTTP/1.0 knows the end of such a body by the close
        if self._link.is_leaving or not self.keeps_alive or not self._is_body_done:
            lines.append(b"connection: close\r\n")
        elif is_old:
            lines.append(b"connection: keep-alive\r\n")
        lines.append(b"\r\n")
        text = b"".join(lines)
        if text.count(b"\n") != len(lines) or text.count(b"\r") != len(lines):
            raise ValueError("a header with a line break in it")
        return text

    async def _send_body(self, body: bytes, *, has_more: bool) -> None:
        text, self._start = self._start, b""
        if self.scope["method"] != "HEAD":
            text += _chunked(body, is_last=not has_more) if self._is_chunked else body
        if text:
            self._link.write(text)
        if has_more:
            await self._link.writable()
        else:
            self.is_answered = True
            self._news.tell()


@lru_cache(maxsize=64)
def _status_line(status: int) -> bytes:
    phrase = _PHRASES.get(status, "Unknown")
    return f"HTTP/1.1 {status} {phrase}\r\n".encode()


def _chunked(body: bytes, *, is_last: bool) -> bytes:
    chunk = b"%x\r\n%s\r\n" % (len(body), body) if body else b""
    return chunk + b"0\r\n\r\n" if is_last else chunk


class NoRequest(Exception):
    """What came is no HTTP request; the message says why."""

    def __init__(self, why: str, status: bytes = b"400 Bad Request") -> None:
        super().__init__(why)
        self.status = status


def reason_of(error: Exception) -> NoRequest:
    """Why the parser gave up; what a callback of it raises comes wrapped."""
    ours = (each for each in (error, error.__context__) if isinstance(each, NoRequest))
    return next(ours, NoRequest(str(error)))


def check_host(version: str, headers: Headers) -> None:
    """Check that a request says once for whom it is (RFC 9112, section 3.2).

    Raises:
        NoRequest: It does not, and whoever passes it on could take it for another's.
    """
    count = [name for name, _ in headers].count(b"host")
    if count > 1 or (count == 0 and version == "1.1"):
        raise NoRequest(f"HTTP/1.1 needs one Host header, and there are {count}")


def refusal(status: bytes, why: str) -> bytes:
    """The whole answer to what is no request."""
    printable = "".join(c for c in why if c.isascii() and c.isprintable() and c not in '"\\')
    text = ('{"error": "not an HTTP request: ' + printable + '"}\n').encode()
    head = b"HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
    return head % (status, len(text)) + text


def request_head(method: bytes, target: bytes, version: bytes, headers: Headers) -> bytes:
    """A request's head as it came, but for the wish to speak another protocol."""
    fields = (b"%s: %s\r\n" % each for each in headers if each[0] != b"upgrade")
    return b"%s %s HTTP/%s\r\n%s\r\n" % (method, target, version, b"".join(fields))


def expects_continue(headers: Headers) -> bool:
    """Whether the client waits for leave to send its body."""
    # A list and no generator: each request is asked, and most have no such header.
    expected = [value for name, value in headers if name == b"expect"]
    return bool(expected) and b"100-continue" in map(bytes.lower, expected)
