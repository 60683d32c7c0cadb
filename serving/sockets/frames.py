"""HTTP/2's frames as bytes (RFC 9113, section 6), and headers to send (RFC 7541).

Headers are sent as literals that nobody indexes: the few there are cost less so than a
table would, and one encoding serves every connection.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from enum import IntEnum
from functools import lru_cache

from serving.sockets.asgi import Headers

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEADER_BYTES = 9

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS = range(5)
PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(5, 10)

END_STREAM = ACK = 0x1
END_HEADERS = 0x4
PADDED = 0x8
HAS_PRIORITY = 0x20

HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS = 1, 2, 3
INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, MAX_HEADER_LIST_SIZE = 4, 5, 6

MAX_WINDOW = 2**31 - 1
MAX_STREAM = 2**31 - 1
DEFAULT_WINDOW = 65_535
DEFAULT_FRAME_BYTES = 16_384

_STATUS_200 = b"\x88"  # the static table's entry 8


class ErrorCode(IntEnum):
    """Why a stream or connection ended (RFC 9113, section 7)."""

    NO_ERROR = 0
    PROTOCOL_ERROR = 1
    INTERNAL_ERROR = 2
    FLOW_CONTROL_ERROR = 3
    STREAM_CLOSED = 5
    FRAME_SIZE_ERROR = 6
    REFUSED_STREAM = 7
    CANCEL = 8
    COMPRESSION_ERROR = 9
    ENHANCE_YOUR_CALM = 11


class ConnectionFault(Exception):
    """The peer broke the protocol; the connection ends."""

    def __init__(self, code: ErrorCode, why: str) -> None:
        super().__init__(why)
        self.code = code


class StreamFault(Exception):
    """One stream ends, and the connection goes on."""

    def __init__(self, code: ErrorCode, why: str) -> None:
        super().__init__(why)
        self.code = code


def encode_frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """One frame."""
    head = len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big")
    return head + payload


def encode_settings(settings: Iterable[tuple[int, int]]) -> bytes:
    """A SETTINGS frame."""
    payload = b"".join(struct.pack(">HI", name, value) for name, value in settings)
    return encode_frame(SETTINGS, 0, 0, payload)


def decode_settings(payload: bytes) -> list[tuple[int, int]]:
    """Names and values of a SETTINGS frame.

    Raises:
        ConnectionFault: The length is not one that settings have.
    """
    if len(payload) % 6:
        raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "SETTINGS of an odd length")
    settings = list(struct.iter_unpack(">HI", payload))
    for name, value in settings:
        if name == INITIAL_WINDOW_SIZE and value > MAX_WINDOW:
            raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "a window of 2 GiB and more")
        if name == MAX_FRAME_SIZE and not DEFAULT_FRAME_BYTES <= value < 2**24:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, f"frames of {value} bytes")
    return settings


def encode_window_update(stream: int, credit: int) -> bytes:
    """A WINDOW_UPDATE frame; stream 0 is the connection."""
    return encode_frame(WINDOW_UPDATE, 0, stream, credit.to_bytes(4, "big"))


def encode_reset(stream: int, code: ErrorCode) -> bytes:
    """An RST_STREAM frame."""
    return encode_frame(RST_STREAM, 0, stream, code.to_bytes(4, "big"))


def encode_goaway(last_stream: int, code: ErrorCode, why: str = "") -> bytes:
    """A GOAWAY frame; *why* is for whoever debugs the peer."""
    return encode_frame(GOAWAY, 0, 0, struct.pack(">II", last_stream, code) + why.encode())


def strip_padding(flags: int, payload: bytes) -> bytes:
    """The payload of a DATA or HEADERS frame without its padding.

    Raises:
        ConnectionFault: There is more padding than payload.
    """
    if not flags & PADDED:
        return payload
    if not payload or payload[0] >= len(payload):
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "more padding than payload")
    return payload[1 : len(payload) - payload[0]]


def encode_headers(headers: Headers, status: int | None) -> bytes:
    """A header block; trailers have no *status*."""
    parts = []
    if status == 200:
        parts.append(_STATUS_200)
    elif status is not None:
        parts += (_name(b":status"), b"\3%d" % status)
    for name, value in headers:
        parts += (_name(name), _length(value), value)
    return b"".join(parts)


@lru_cache(maxsize=256)
def _name(name: bytes) -> bytes:
    """The beginning of a literal field; names are few, and in lower case as HTTP/2 wants."""
    return b"\0" + _length(name) + name.lower()


def header_frames(stream: int, block: bytes, flags: int, frame_bytes: int) -> bytes:
    """A HEADERS frame, followed by CONTINUATION where the block is longer than a frame."""
    if len(block) <= frame_bytes:
        return encode_frame(HEADERS, flags | END_HEADERS, stream, block)
    frames = [encode_frame(HEADERS, flags, stream, block[:frame_bytes])]
    for at in range(frame_bytes, len(block), frame_bytes):
        last = END_HEADERS if at + frame_bytes >= len(block) else 0
        frames.append(encode_frame(CONTINUATION, last, stream, block[at : at + frame_bytes]))
    return b"".join(frames)


def _length(text: bytes) -> bytes:
    """An integer with a prefix of seven bits (RFC 7541, section 5.1), Huffman bit clear."""
    value = len(text)
    if value < 127:
        return bytes((value,))
    value -= 127
    octets = [127]
    while value >= 128:
        octets.append(value % 128 + 128)
        value //= 128
    return bytes((*octets, value))
