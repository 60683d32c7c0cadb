"""Bytes from an HTTP/2 client become whole frames; header blocks are put together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from serving.sockets import frames
from serving.sockets.frames import ConnectionFault, ErrorCode

FRAME_BYTES = 65_536


class Frame(NamedTuple):
    """One frame, without padding; a HEADERS frame has its whole block."""

    kind: int
    flags: int
    stream: int
    payload: bytes
    wire_bytes: int


class FrameReader:
    """Splits one connection's input.  Feed it, and take what is whole."""

    def __init__(self, max_header_bytes: int) -> None:
        self._max_header_bytes = max_header_bytes
        self._buffer = b""
        self._has_preface = False
        self.has_settings = False
        self._block: list[bytes] = []
        self._block_bytes = 0
        self._block_of: Frame | None = None

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Frames that are whole with *data*, in order.

        Raises:
            ConnectionFault: This is not HTTP/2, or not in an order it allows.
        """
        if self._buffer:
            data = self._buffer + data
        at, end = 0, len(data)
        if not self._has_preface:
            if end < len(frames.PREFACE):
                self._buffer = data
                return
            if not data.startswith(frames.PREFACE):
                raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "no HTTP/2 preface")
            self._has_preface = True
            at = len(frames.PREFACE)
        while end - at >= frames.HEADER_BYTES:
            size = int.from_bytes(data[at : at + 3], "big")
            if size > FRAME_BYTES:
                raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, f"a frame of {size} bytes")
            begin = at + frames.HEADER_BYTES
            if end - begin < size:
                break
            number = int.from_bytes(data[at + 5 : begin], "big") & frames.MAX_STREAM
            kind, flags = data[at + 3], data[at + 4]
            at = begin + size
            frame = self._read(kind, flags, number, data[begin:at])
            if frame is not None:
                yield frame
        self._buffer = data[at:]

    def _read(self, kind: int, flags: int, number: int, payload: bytes) -> Frame | None:
        size = len(payload)
        if not self.has_settings:
            if kind != frames.SETTINGS or flags & frames.ACK:
                raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "the first frame is not SETTINGS")
            self.has_settings = True
        if kind == frames.CONTINUATION or self._block_of is not None:
            return self._continue(kind, flags, number, payload)
        if kind in {frames.DATA, frames.HEADERS}:
            payload = frames.strip_padding(flags, payload)
        if kind != frames.HEADERS:
            return Frame(kind, flags, number, payload, size)
        if flags & frames.HAS_PRIORITY:
            if len(payload) < 5:
                raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "HEADERS without its priority")
            payload = payload[5:]
        frame = Frame(kind, flags, number, payload, size)
        if flags & frames.END_HEADERS:
            return frame
        self._block_of, self._block = frame, [payload]
        self._block_bytes = len(payload)
        return None

    def _continue(self, kind: int, flags: int, number: int, payload: bytes) -> Frame | None:
        first = self._block_of
        if first is None or kind != frames.CONTINUATION or number != first.stream:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a header block is interrupted")
        self._block.append(payload)
        # Empty pieces count too: a block must not come in endlessly many.
        self._block_bytes += len(payload) + 64
        if self._block_bytes > self._max_header_bytes:
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "too many headers")
        if not flags & frames.END_HEADERS:
            return None
        self._block_of = None
        return first._replace(payload=b"".join(self._block))
