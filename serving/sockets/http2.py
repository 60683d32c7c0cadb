"""One HTTP/2 connection (RFC 9113): frames in, streams to the application, frames out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from serving.sockets import frames
from serving.sockets.asgi import Event, peer_of
from serving.sockets.budget import Budget
from serving.sockets.entrance import Entrance
from serving.sockets.farewell import Farewell
from serving.sockets.frame_reader import FRAME_BYTES, Frame, FrameReader
from serving.sockets.frames import ConnectionFault, ErrorCode, StreamFault
from serving.sockets.limits import Limits
from serving.sockets.patience import Patience
from serving.sockets.request_headers import MAKE, HeaderReader
from serving.sockets.stream import Stream
from serving.sockets.windows import ReceiveWindow, share, widened
from serving.sockets.writing import Writer

logger = logging.getLogger(__name__)

_LINGER_S = 0.5


class Http2Connection(asyncio.Protocol):
    """Answers one client; begins with the preface."""

    def __init__(self, entrance: Entrance, limits: Limits, on_end: Callable[..., None]) -> None:
        self.entrance = entrance
        self._limits = limits
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self.reader = FrameReader(limits.header_bytes)
        self.budget = Budget(self._loop.time)
        self._window = ReceiveWindow(limits.window_bytes)
        self.streams: dict[int, Stream] = {}
        self._new: list[Stream] = []
        self._running = 0
        self.newest = 0
        self._peer_window = frames.DEFAULT_WINDOW
        self._refuses = self._has_failed = False
        self.send_window = frames.DEFAULT_WINDOW
        self.frame_bytes = frames.DEFAULT_FRAME_BYTES

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say what this side takes."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.writer = Writer(transport, self._limits.unread_s)
        self.write = self.writer.write
        most, direct = self._limits.header_bytes, self.entrance.direct
        self._headers = HeaderReader(most, peer_of(transport), direct)
        self._patience = Patience(self, self._limits)
        self._farewell = Farewell(self.write, self._refuse_more)
        settings = (
            (frames.MAX_CONCURRENT_STREAMS, self._limits.streams),
            (frames.INITIAL_WINDOW_SIZE, self._limits.stream_window_bytes),
            (frames.MAX_FRAME_SIZE, FRAME_BYTES),
            (frames.MAX_HEADER_LIST_SIZE, self._limits.header_bytes),
        )
        room = self._limits.window_bytes - frames.DEFAULT_WINDOW
        self.write(frames.encode_settings(settings) + frames.encode_window_update(0, room))

    def data_received(self, data: bytes) -> None:
        """Handle every whole frame."""
        if self._has_failed:
            return
        try:
            for frame in self.reader.feed(data):
                try:
                    self._handle(frame)
                except StreamFault as fault:
                    self.reset(frame.stream, fault.code)
            if self.writer.is_behind():
                self._transport.pause_reading()
        except ConnectionFault as fault:
            self._fail(fault.code, str(fault))
        for stream in self._new:
            self._enter(stream)
        self._new.clear()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        """Tell every application that its client has gone."""
        self._patience.stop()
        for stream in self.streams.values():
            stream.disconnect()
        self.writer.lose()
        self._on_end(self)

    def pause_writing(self) -> None:
        """The peer reads slower than is written."""
        self.writer.pause()

    def resume_writing(self) -> None:
        """The peer has caught up."""
        self.writer.resume()
        self._transport.resume_reading()

    def eof_received(self) -> None:
        """The peer has gone."""
        self.writer.close()

    # Frames in, the most frequent first.

    def _handle(self, frame: Frame) -> None:
        if frame.kind == frames.DATA:
            self._on_data(frame)
        elif frame.kind == frames.HEADERS:
            self._on_headers(frame)
        elif frame.kind == frames.WINDOW_UPDATE:
            self._on_window_update(frame)
        elif frame.kind == frames.PING:
            self._on_ping(frame)
        elif frame.kind == frames.SETTINGS:
            self._on_settings(frame)
        elif frame.kind == frames.RST_STREAM:
            self._on_reset(frame)
        elif frame.kind == frames.PUSH_PROMISE:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "clients do not push")
        else:  # priorities, the peer's GOAWAY, and extensions that we do not know
            self.budget.spend()

    def _on_data(self, frame: Frame) -> None:
        if not 0 < frame.stream <= self.newest:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "DATA without a stream")
        is_last = bool(frame.flags & frames.END_STREAM)
        if frame.payload:
            self.budget.earn(Budget.FOR_DATA)
        elif not is_last:
            self.budget.spend()
        self._window.take(frame.wire_bytes)
        stream = self.streams.get(frame.stream)
        if stream is None or stream.is_body_done or stream.is_answered:
            # It was under way when the stream ended.
            self.budget.spend()
            self._credit_connection(frame.wire_bytes)
            return
        stream.window.take(frame.wire_bytes)
        self.credit(stream, frame.wire_bytes - len(frame.payload))
        stream.feed(frame.payload, is_last=is_last)

    def _on_headers(self, frame: Frame) -> None:
        is_last = bool(frame.flags & frames.END_STREAM)
        if frame.stream <= self.newest:
            self._on_trailers(frame, is_last=is_last)
            return
        if frame.stream % 2 == 0:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a client's streams have odd numbers")
        self.newest = frame.stream
        scope = self._headers.scope(frame.payload)
        if self._refuses or self._running >= self._limits.streams:
            self.budget.spend()
            raise StreamFault(ErrorCode.REFUSED_STREAM, "no more streams now")
        self._begin(frame.stream, scope, is_last=is_last)

    def _on_trailers(self, frame: Frame, *, is_last: bool) -> None:
        self._headers.decode(frame.payload)
        if (stream := self.streams.get(frame.stream)) is None:
            self.budget.spend()
        elif not is_last or stream.is_body_done:
            raise StreamFault(ErrorCode.PROTOCOL_ERROR, "headers in the middle of a body")
        else:
            stream.feed(b"", is_last=True)

    def _on_window_update(self, frame: Frame) -> None:
        if len(frame.payload) != 4 or frame.stream > self.newest:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a damaged WINDOW_UPDATE")
        self.budget.spend()
        credit = int.from_bytes(frame.payload, "big") & frames.MAX_WINDOW
        if frame.stream:
            if (stream := self.streams.get(frame.stream)) is not None:
                stream.send_window = widened(stream.send_window, credit, StreamFault)
                stream.widen(self.send_window)
            return
        self.send_window = widened(self.send_window, credit, ConnectionFault)
        share(self.send_window, self.streams)

    def _on_ping(self, frame: Frame) -> None:
        if frame.stream or len(frame.payload) != 8:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a damaged PING")
        if not frame.flags & frames.ACK:
            self.budget.spend()
            self.write(frames.encode_frame(frames.PING, frames.ACK, 0, frame.payload))
        else:
            self._farewell.note_ack(frame.payload)

    def _on_settings(self, frame: Frame) -> None:
        if frame.stream or (frame.flags & frames.ACK and frame.payload):
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a damaged SETTINGS")
        self.budget.spend()
        if frame.flags & frames.ACK:
            return
        window = self._peer_window
        for name, value in frames.decode_settings(frame.payload):
            self.budget.spend()
            if name == frames.INITIAL_WINDOW_SIZE:
                window = value
            elif name == frames.MAX_FRAME_SIZE:
                self.frame_bytes = min(value, FRAME_BYTES)
        change, self._peer_window = window - self._peer_window, window
        if change:
            for stream in self.streams.values():
                stream.send_window += change
            share(self.send_window, self.streams)
        self.write(frames.encode_frame(frames.SETTINGS, frames.ACK, 0))

    def _on_reset(self, frame: Frame) -> None:
        if not 0 < frame.stream <= self.newest or len(frame.payload) != 4:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "RST_STREAM without a stream")
        self.budget.spend()
        # What runs still counts: resetting is no way round the limit of streams.
        self._drop(frame.stream)

    # The application's side

    def _begin(self, number: int, scope: Event, *, is_last: bool) -> None:
        window = ReceiveWindow(self._limits.stream_window_bytes)
        stream = Stream(self, number, scope, window, self._peer_window)
        stream.feed(b"", is_last=is_last)
        self.streams[number] = stream
        self._running += 1
        self._new.append(stream)  # its body may come with it

    def _enter(self, stream: Stream) -> None:
        make = stream.scope[MAKE] if stream.is_body_done else None
        body = None if make is None else stream.whole()
        if make is None or body is None:
            stream.task = self.entrance.begin(self._run(stream))  # the loop keeps it weakly
        else:
            self.entrance.begin_direct(make(stream, body))

    async def _run(self, stream: Stream) -> None:
        """The application's whole work on one request, whatever becomes of it."""
        try:
            await self.entrance.enter(stream.scope, stream.receive, stream.send)
        except Exception:
            logger.exception("the application failed at %s", stream.scope["path"])
        finally:
            self.finish(stream)

    def finish(self, stream: Stream) -> None:
        """The application has done with *stream*, answered or not."""
        if not stream.is_answered and not stream.is_gone:
            self.reset(stream.number, ErrorCode.INTERNAL_ERROR)
        self.streams.pop(stream.number, None)
        if stream.wanted:
            share(self.send_window, self.streams)
        self._credit_connection(stream.unread)
        self._running -= 1
        if stream.is_answered:
            self.budget.earn(Budget.FOR_REQUEST)
        if self._refuses and not self._running:
            self.writer.close()

    def credit(self, stream: Stream, size: int) -> None:
        """Tell the peer that *size* bytes of a body were read, once it is worth a frame."""
        self._credit_connection(size)
        if not stream.is_body_done and (room := stream.window.give(size)):
            self.write(frames.encode_window_update(stream.number, room))

    def _credit_connection(self, size: int) -> None:
        if room := self._window.give(size):
            self.write(frames.encode_window_update(0, room))

    def reset(self, number: int, code: ErrorCode) -> None:
        """End one stream."""
        self._drop(number)
        self.write(frames.encode_reset(number, code))

    def _drop(self, number: int) -> None:
        if (stream := self.streams.pop(number, None)) is not None:
            stream.disconnect()
            if stream.wanted:
                share(self.send_window, self.streams)  # what it was woken for is free again

    # The end

    def _fail(self, code: ErrorCode, why: str) -> None:
        logger.info("an HTTP/2 connection is ended: %s", why)
        self._has_failed = True
        self.write(frames.encode_goaway(self.newest, code, why))
        # A close with input unread would reset the connection, and GOAWAY be lost with it.
        self._loop.call_later(_LINGER_S, self.writer.close)

    def leave(self) -> None:
        """Ask for other connections, and close when all is done."""
        self._farewell.begin()

    def _refuse_more(self) -> None:
        self._refuses = True
        self.write(frames.encode_goaway(self.newest, ErrorCode.NO_ERROR))
        if not self._running:
            self.writer.close()

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()
