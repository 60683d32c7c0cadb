"""gRPC over HTTP/2 as bytes: frames, timeouts, statuses.

Source of every rule: the gRPC project's "gRPC over HTTP2" and "Compression" documents.
"""

from __future__ import annotations

import re
import zlib
from urllib.parse import quote

from model_store.errors import Code, InvalidRequest, MessageTooLarge, Unsupported

_TIMEOUT = re.compile(rb"([0-9]{1,8})([HMSmun])")
_UNIT_S = {b"H": 3600.0, b"M": 60.0, b"S": 1.0, b"m": 1e-3, b"u": 1e-6, b"n": 1e-9}
_PREFIX_BYTES = 5
ACCEPTED_ENCODINGS = b"identity,deflate,gzip"


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
        Unsupported: The message is compressed in an unknown way.
        MessageTooLarge: It is longer than *max_bytes*.
    """
    if len(body) < _PREFIX_BYTES:
        raise InvalidRequest("the request holds no message")
    length = int.from_bytes(body[1:_PREFIX_BYTES], "big")
    if length > max_bytes:
        raise too_large(length, max_bytes)
    if len(body) != _PREFIX_BYTES + length:
        raise InvalidRequest(
            f"the message is cut short or followed by more: {length} bytes were announced, "
            f"{len(body) - _PREFIX_BYTES} came"
        )
    message = body[_PREFIX_BYTES:]
    if body[0] == 0:
        return message
    if body[0] != 1:
        raise InvalidRequest(f"unknown compression flag {body[0]}")
    return _decompress(message, encoding, max_bytes)


def too_large(length: int, max_bytes: int) -> MessageTooLarge:
    """The error for a message of *length* bytes; it names the limit and the setting."""
    return MessageTooLarge(
        f"the message has {length} bytes, this server takes {max_bytes}; "
        "send smaller batches, or start it with a larger --max_message_bytes"
    )


def _decompress(message: bytes, encoding: bytes, max_bytes: int) -> bytes:
    if encoding == b"gzip":
        window = 16 + zlib.MAX_WBITS
    elif encoding == b"deflate":
        window = zlib.MAX_WBITS
    else:
        raise Unsupported(
            f"compression {encoding.decode('latin-1')!r} is not supported; "
            f"use one of {ACCEPTED_ENCODINGS.decode()}"
        )
    inflater = zlib.decompressobj(window)
    try:
        # One byte more than allowed, so that a bomb is known without being unpacked.
        plain = inflater.decompress(message, max_bytes + 1)
    except zlib.error as error:
        raise InvalidRequest(f"the message is not {encoding.decode()} data") from error
    if len(plain) > max_bytes:
        raise too_large(len(plain), max_bytes)
    if not inflater.eof:
        raise InvalidRequest(f"the {encoding.decode()} data is cut short")
    return plain


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
