"""One HTTP/2 request and its answer: the ASGI application's two callables, and flow control."""

from __future__ import annotations

import asyncio
from typing import Protocol

from serving.sockets import frames
from serving.sockets.asgi import DISCONNECT, Event, Headers
from serving.sockets.budget import Budget
from serving.sockets.entrance import Entrance
from serving.sockets.frames import ErrorCode, StreamFault
from serving.sockets.limits import Limits
from serving.sockets.request_headers import BODY_BYTES
from serving.sockets.windows import ReceiveWindow
from serving.sockets.writing import Writer


class Link(Protocol):
    """What a stream needs of its connection."""

    entrance: Entrance
    budget: Budget
    writer: Writer
    streams: dict[int, Stream]
    send_window: int
    frame_bytes: int

    def finish(self, stream: Stream) -> None:
        """The application has done with it."""
        ...

    def credit(self, stream: Stream, size: int) -> None:
        """Tell the peer that *size* bytes of a body were read."""
        ...


class Stream:
    """A request that the application is busy with.  Lives on one event loop."""

    def __init__(
        self, link: Link, number: int, scope: Event, window: ReceiveWindow, send_window: int
    ) -> None:
        self.number = number
        self.scope = scope
        self.window = window
        self.send_window = send_window
        self.task: asyncio.Task[None] | None = None
        self.unread = 0
        self.is_body_done = False
        self.is_gone = False
        self.is_answered = False
        self._link = link
        self._id = number.to_bytes(4, "big")
        self._due: int | None = scope.get(BODY_BYTES)
        self._parts: list[bytes] = []
        self._is_end_told = False
        self._start: bytes | None = None
        self._has_trailers = False
        self._news = link.entrance.news()
        self._room: asyncio.Future[None] | None = None
        self.wanted = 0
        self._has_begun = False
        self._has_moved = True
        self._still_since = 0.0

    # What the connection tells.

    def feed(self, data: bytes, *, is_last: bool) -> None:
        """More of the body came.

        Raises:
            StreamFault: It is longer or shorter than the headers say (RFC 9113, section 8.1.1).
        """
        if self._due is not None:
            self._due -= len(data)
            if self._due < 0 or (is_last and self._due):
                raise StreamFault(ErrorCode.PROTOCOL_ERROR, "the body is not of its length")
        if data:
            self._parts.append(data)
            self.unread += len(data)
        self._has_moved = True
        self.is_body_done = self.is_body_done or is_last
        self._news.tell()

    def disconnect(self) -> None:
        """Nobody waits for the answer any more."""
        self.is_gone = True
        self._news.tell()
        _wake(self._room)

    def widen(self, room: int) -> int:
        """The peer can take *room* bytes more; returns how many of them are taken here."""
        size = min(self.wanted, self.send_window, room)
        if size > 0:
            _wake(self._room)
        return max(size, 0)

    def is_stuck(self, now: float, limits: Limits) -> bool:
        """Whether the peer has kept this waiting for too long."""
        if self._has_moved:
            self._has_moved, self._still_since = False, now
            return False
        if self.wanted:
            return now - self._still_since >= limits.unread_s
        # An answer that has begun may be a conversation, in which silence is allowed.
        is_idle = not (self.is_body_done or self.unread or self._has_begun)
        return is_idle and now - self._still_since >= limits.stall_s

    # What the application calls.

    async def receive(self) -> Event:
        """ASGI's ``receive``: the body as it comes, and at last the disconnect."""
        while True:
            if self.is_gone or self.is_answered:
                return DISCONNECT
            if self._parts or (self.is_body_done and not self._is_end_told):
                return self._take()
            await self._news.wait()

    def _take(self) -> Event:
        parts = self._parts
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        parts.clear()
        self.unread = 0
        if body:
            self._link.credit(self, len(body))
        self._is_end_told = self.is_body_done
        return {"type": "http.request", "body": body, "more_body": not self.is_body_done}

    def whole(self) -> bytes | None:
        """Take the body, if all of it has come and somebody waits for the answer."""
        if not self.is_body_done or self._is_end_told or self.is_gone:
            return None
        body: bytes = self._take()["body"]
        return body

    def answer(
        self, status: int, headers: Headers, body: bytes, trailers: Headers | None = None
    ) -> bool:
        """Send the whole answer, if the peer's windows have room; returns whether they do."""
        size, link = len(body), self._link
        if size > min(self.send_window, link.send_window, link.frame_bytes):
            return False
        self._has_begun = True
        self.send_window -= size
        link.send_window -= size
        text = self._head(frames.encode_headers(headers, status))
        if trailers is None:
            lone = b"" if body else _ending(text)
            self._finish(lone or text + self._data(body, is_end=True))
        else:
            self._start = text + self._data(body, is_end=False)
            self._send_trailers(trailers)
        return True

    def end(self) -> None:
        """The application has done with it, answered or not."""
        self._link.finish(self)

    async def send(self, event: Event) -> None:
        """ASGI's ``send``: what belongs together is written together.

        Raises:
            OSError: Nobody waits for the answer any more.
        """
        if self.is_gone:
            raise ConnectionResetError("the client went away")
        kind = event["type"]
        if kind == "http.response.start":
            self._has_begun = True
            self._has_trailers = event.get("trailers", False)
            self._start = self._head(frames.encode_headers(event["headers"], event["status"]))
        elif kind == "http.response.body":
            await self._send_body(event.get("body", b""), has_more=event.get("more_body", False))
        elif kind == "http.response.trailers":
            self._send_trailers(event["headers"])

    def _head(self, block: bytes) -> bytes:
        return frames.header_frames(self.number, block, 0, self._link.frame_bytes)

    async def _send_body(self, body: bytes, *, has_more: bool) -> None:
        start, self._start = self._start or b"", None
        is_end = not has_more and not self._has_trailers
        if not body:
            if is_end:
                self._finish(_ending(start) or start + self._data(b"", is_end=True))
            elif has_more:
                self._link.writer.write(start)
            else:
                self._start = start  # the trailers come at once
            return
        size = len(body)
        link = self._link
        if size > min(self.send_window, link.send_window, link.frame_bytes):
            self._link.writer.write(start)
            await self._send_slowly(body, is_end=is_end)
            return
        self.send_window -= size
        link.send_window -= size
        text = start + self._data(body, is_end=is_end)
        if is_end:
            self._finish(text)
        elif has_more:
            link.writer.write(text)
            link.budget.earn(Budget.FOR_DATA)  # the peer will acknowledge it
            await link.writer.writable()
        else:
            self._start = text

    async def _send_slowly(self, body: bytes, *, is_end: bool) -> None:
        """In pieces that fit frames and windows, as fast as the peer takes them."""
        at, link = 0, self._link
        while at < len(body):
            size = min(self.send_window, link.send_window, link.frame_bytes, len(body) - at)
            if size <= 0:
                self.wanted = len(body) - at
                self._room = asyncio.get_running_loop().create_future()
                await self._room
                self.wanted = 0
            else:
                self._has_moved = True
                self.send_window -= size
                link.send_window -= size
                last = is_end and at + size == len(body)
                text = self._data(body[at : at + size], is_end=last)
                at += size
                if last:
                    self._finish(text)
                else:
                    link.writer.write(text)
                    link.budget.earn(Budget.FOR_DATA)  # the peer will acknowledge it
                    await link.writer.writable()
            if self.is_gone:
                raise ConnectionResetError("the client went away")

    def _send_trailers(self, headers: Headers) -> None:
        block = frames.encode_headers(headers, None)
        start, self._start = self._start or b"", None
        self._finish(
            start
            + frames.header_frames(self.number, block, frames.END_STREAM, self._link.frame_bytes)
        )

    def _data(self, body: bytes, *, is_end: bool) -> bytes:
        head = b"\0\1" if is_end else b"\0\0"
        return b"".join((len(body).to_bytes(3, "big"), head, self._id, body))

    def _finish(self, text: bytes) -> None:
        self.is_answered = True
        if not self.is_body_done:  # the answer needs no more of the request
            text += frames.encode_reset(self.number, ErrorCode.NO_ERROR)
        if len(self._link.streams) > 1:
            self._link.writer.write_soon(text)
        else:
            self._link.writer.write(text)
        self._news.tell()


def _ending(start: bytes) -> bytes:
    """A lone HEADERS frame, ending the stream too; nothing when there are several frames."""
    size = int.from_bytes(start[:3], "big")
    if not start or size + frames.HEADER_BYTES != len(start):
        return b""
    return start[:4] + bytes((start[4] | frames.END_STREAM,)) + start[5:]


def _wake(waiting: asyncio.Future[None] | None) -> None:
    if waiting is not None and not waiting.done():
        waiting.set_result(None)
