"""gzip and deflate, for gRPC's messages and HTTP's bodies alike."""

from __future__ import annotations

import zlib

from model_store.errors import InvalidRequest, MessageTooLarge, UnknownEncoding

ACCEPTED = ("identity", "deflate", "gzip")
_WINDOWS = {b"gzip": 16 + zlib.MAX_WBITS, b"deflate": zlib.MAX_WBITS}
# The fastest level: tensors compress badly, and a server's time is dear.
_LEVEL = 1


def too_large(length: int, max_bytes: int) -> MessageTooLarge:
    """The error for a message of *length* bytes; it names the limit and the setting."""
    return MessageTooLarge(
        f"the message has {length} bytes, this server takes {max_bytes}; "
        "send smaller batches, or start it with a larger --max_message_bytes"
    )


def inflate(data: bytes, encoding: bytes, max_bytes: int) -> bytes:
    """Unpack *data*, of which no more than *max_bytes* may come.

    Raises:
        InvalidRequest: It is not whole *encoding* data.
        MessageTooLarge: It holds more.
        UnknownEncoding: There is no such *encoding* here.
    """
    window = _WINDOWS.get(encoding)
    if window is None:
        raise UnknownEncoding(
            f"compression {encoding.decode('latin-1')!r} is not supported; "
            f"use one of {','.join(ACCEPTED)}"
        )
    inflater = zlib.decompressobj(window)
    try:
        # One byte more than allowed, so that a bomb is known without being unpacked.
        plain = inflater.decompress(data, max_bytes + 1)
    except zlib.error as error:
        raise InvalidRequest(f"the message is not {encoding.decode()} data") from error
    if len(plain) > max_bytes:
        raise too_large(len(plain), max_bytes)
    if not inflater.eof:
        raise InvalidRequest(f"the {encoding.decode()} data is cut short")
    if inflater.unused_data:
        raise InvalidRequest(f"the {encoding.decode()} data is followed by more")
    return plain


def deflate(data: bytes, encoding: bytes) -> bytes:
    """Pack *data* as ``gzip`` or ``deflate``."""
    packer = zlib.compressobj(_LEVEL, wbits=_WINDOWS[encoding])
    return packer.compress(data) + packer.flush()


def chosen_encoding(accepted: bytes) -> bytes | None:
    """The best of an ``Accept-Encoding`` header that we have, or None for plain bytes.

    What cannot be read in it is not accepted, so that no header is an error.
    """
    weights: dict[str, float] = {}
    for item in accepted.decode("latin-1").lower().split(","):
        name, *parameters = (part.strip() for part in item.split(";"))
        weights[name] = _weight(parameters)
    known = {name: weights.get(name.decode(), weights.get("*", 0.0)) for name in _WINDOWS}
    best = max(known, key=lambda name: known[name])
    is_wanted = known[best] > 0.0 and known[best] >= weights.get("identity", 0.0)
    return best if is_wanted else None


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
