"""gRPC over HTTP/2 as bytes: frames, timeouts, statuses.

Source of every rule: the gRPC project's "gRPC over HTTP2" and "Compression" documents.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote

from model_store.errors import Code, InvalidRequest
from serving.transport.compression import inflate, too_large

_TIMEOUT = re.compile(rb"([0-9]{1,8})([HMSmun])")
_UNIT_S = {b"H": 3600.0, b"M": 60.0, b"S": 1.0, b"m": 1e-3, b"u": 1e-6, b"n": 1e-9}
PREFIX_BYTES = 5


def encode_frame(message: bytes) -> bytes:
    """Put the length in front; this server sends nothing compressed."""
    return b"\0" + len(message).to_bytes(4, "big") + message


def decode_frame(body: bytes, encoding: bytes, max_bytes: int) -> bytes:
    """Take the one message out of a unary request's body.

    Args:
        body: Everything the client sent.
        encoding: The request's ``grpc-encoding``.
        max_bytes: Limit for the message, also once it is decompressed.

    Raises:
        InvalidRequest: There is not exactly one whole message.
        UnknownEncoding: The message is compressed in an unknown way.
        MessageTooLarge: It is longer than *max_bytes*.
    """
    if len(body) < PREFIX_BYTES:
        raise InvalidRequest("the request holds no message")
    length = int.from_bytes(body[1:PREFIX_BYTES], "big")
    if length > max_bytes:
        raise too_large(length, max_bytes)
    if len(body) != PREFIX_BYTES + length:
        raise InvalidRequest(
            f"the message is cut short or followed by more: {length} bytes were announced, "
            f"{len(body) - PREFIX_BYTES} came"
        )
    return _plain(body[0], body[PREFIX_BYTES:], encoding, max_bytes)


class FrameReader:
    """Takes messages out of a body that arrives in parts, cut anywhere."""

    def __init__(self, encoding: bytes, max_bytes: int) -> None:
        self._encoding = encoding
        self._max_bytes = max_bytes
        self._pending = bytearray()

    def feed(self, part: bytes) -> Iterator[bytes]:
        """The messages that *part* completes.

        Raises:
            InvalidRequest: A frame is not one.
            MessageTooLarge: One announces or holds more than the limit.
            UnknownEncoding: One is compressed in an unknown way.
        """
        self._pending += part
        while len(self._pending) >= PREFIX_BYTES:
            length = int.from_bytes(self._pending[1:PREFIX_BYTES], "big")
            if length > self._max_bytes:
                raise too_large(length, self._max_bytes)
            end = PREFIX_BYTES + length
            if len(self._pending) < end:
                return
            with memoryview(self._pending) as view:
                flag, message = view[0], bytes(view[PREFIX_BYTES:end])
            del self._pending[:end]
            yield _plain(flag, message, self._encoding, self._max_bytes)

    def finish(self) -> None:
        """Say that no more will come.

        Raises:
            InvalidRequest: A message is not whole.
        """
        if self._pending:
            raise InvalidRequest("the last message is cut short")


def _plain(flag: int, message: bytes, encoding: bytes, max_bytes: int) -> bytes:
    if flag == 0:
        return message
    if flag != 1:
        raise InvalidRequest(f"unknown compression flag {flag}")
    return inflate(message, encoding, max_bytes)


def parse_timeout(value: bytes) -> float:
    """Seconds of a ``grpc-timeout`` header.

    Raises:
        InvalidRequest: It is not one.
    """
    match = _TIMEOUT.fullmatch(value)
    if match is None:
        raise InvalidRequest(f"invalid grpc-timeout {value.decode('latin-1')!r}")
    return int(match[1]) * _UNIT_S[match[2]]


def status_headers(code: Code, message: str) -> list[tuple[bytes, bytes]]:
    """``grpc-status`` and, percent-encoded, ``grpc-message``."""
    headers = [(b"grpc-status", str(code.grpc_number).encode())]
    if message:
        # Every byte outside space..~ and '%' itself is encoded.
        safe = "".join(map(chr, range(0x20, 0x7F))).replace("%", "")
        headers.append((b"grpc-message", quote(message, safe=safe).encode()))
    return headers
