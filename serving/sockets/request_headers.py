"""A request's header block becomes an ASGI scope, once for all requests that send the same.

The compression's table belongs to the connection (RFC 7541), so every block must be read
in order, also of a stream that is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from hpack import Decoder, HPACKError
from hpack.exceptions import OversizedHeaderListError

from serving.sockets.asgi import Event, Peer, make_scope
from serving.sockets.entrance import Make
from serving.sockets.frames import ConnectionFault, ErrorCode, StreamFault

_PSEUDO = {b":method", b":scheme", b":path", b":authority"}
# Of HTTP/1.1; they have no meaning here (RFC 9113, section 8.2.2).
_FORBIDDEN = {b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"}
# Whoever copies a header on must not be made to write two (RFC 9113, section 8.2.1).
_BREAKS = re.compile(rb"[\0\r\n]")
# Of a scope: the length of the body by its header, where there is one.
BODY_BYTES = "easel.body_bytes"
# Likewise: makes of it what is answered without a task; None where a task is needed.
MAKE = "easel.make"
_LONGEST_NUMBER = 18
_REMEMBERED = 64
_REMEMBERED_BYTES = 512


class HeaderReader:
    """Reads one connection's header blocks."""

    def __init__(
        self, max_bytes: int, peer: Peer, direct: Callable[[Event], Make | None] = lambda _: None
    ) -> None:
        """Read nothing yet; *direct* is the ``Entrance``'s."""
        self._direct = direct
        self._decoder = Decoder(max_header_list_size=max_bytes)
        self._peer = peer
        self._scopes: dict[bytes, Event] = {}

    def scope(self, block: bytes) -> Event:
        """The ASGI scope of a request's headers.

        Raises:
            StreamFault: The headers are no request's.
            ConnectionFault: The block cannot be read, or holds too much.
        """
        known = self._scopes.get(block)
        if known is not None:
            return {**known}
        fields, is_lasting = self._read(block)
        scope = make_request_scope(fields, self._peer)
        scope[MAKE] = self._direct(scope)
        # Read again, such a block means the same until another changes the table.
        if is_lasting and len(block) <= _REMEMBERED_BYTES:
            if len(self._scopes) >= _REMEMBERED:
                self._scopes.clear()
            self._scopes[block] = scope
            return {**scope}
        return scope

    def decode(self, block: bytes) -> list[tuple[bytes, bytes]]:
        """Names and values, of requests and of trailers.

        Raises:
            ConnectionFault: The block cannot be read, or holds too much.
        """
        return self._read(block)[0]

    def _read(self, block: bytes) -> tuple[list[tuple[bytes, bytes]], bool]:
        """The fields of *block*, and whether it left the table as it was."""
        try:
            fields = [
                (bytes(name), bytes(value)) for name, value in self._decoder.decode(block, raw=True)
            ]
        except OversizedHeaderListError as error:
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "too many headers") from error
        # hpack lets some of Python's own errors through for damaged integers and strings.
        except (HPACKError, IndexError, ValueError) as error:
            raise ConnectionFault(ErrorCode.COMPRESSION_ERROR, str(error)) from error
        is_lasting = keeps_table(block)
        if not is_lasting:
            self._scopes.clear()
        return fields, is_lasting


def make_request_scope(fields: list[tuple[bytes, bytes]], peer: Peer) -> Event:
    """Check a request's headers (RFC 9113, section 8.3.1) and make its scope.

    Raises:
        StreamFault: They are no request's.
    """
    pseudo: dict[bytes, bytes] = {}
    headers: list[tuple[bytes, bytes]] = []
    for name, value in fields:
        if not name or _BREAKS.search(value) or _BREAKS.search(name):
            raise _malformed(f"header {name!r} is empty or has a line break in it")
        if name[:1] == b":":
            if headers or name in pseudo or name not in _PSEUDO:
                raise _malformed(f"pseudo header {name!r} out of place")
            pseudo[name] = value
            continue
        if name in _FORBIDDEN or name.lower() != name or (name == b"te" and value != b"trailers"):
            raise _malformed(f"header {name!r} is not allowed")
        headers.append((name, value))
    target = pseudo.get(b":path", b"")
    if b":method" not in pseudo or b":scheme" not in pseudo or target[:1] not in (b"/", b"*"):
        raise _malformed("method, scheme or path is missing")
    if b":authority" in pseudo:
        headers = [each for each in headers if each[0] != b"host"]
        headers.append((b"host", pseudo[b":authority"]))
    scope = make_scope("2", pseudo[b":method"], target, headers, peer)
    lengths = {value for name, value in headers if name == b"content-length"}
    if lengths:
        scope[BODY_BYTES] = _length(lengths)
    return scope


def _length(values: set[bytes]) -> int:
    """How long the body is to be (RFC 9113, section 8.1.1)."""
    if len(values) != 1 or not (text := values.pop()).isdigit() or len(text) > _LONGEST_NUMBER:
        raise _malformed("content-length is no number, or there are two")
    return int(text)


def keeps_table(block: bytes) -> bool:
    """Whether a block, which can be read, neither fills nor resizes the table (section 6).

    Many clients write a path or a length out in every request, and never put it in the
    table; reading such a block costs as much as all else that is done for it here.
    """
    at, end = 0, len(block)
    while at < end:
        octet = block[at]
        if octet >= 0x80:  # an entry
            at = _after_integer(block, at, 0x7F)
        elif octet >= 0x20:  # a literal that becomes an entry, or the table's size
            return False
        else:
            at = _after_integer(block, at, 0x0F)
            if not octet & 0x0F:  # the name is written out too
                at = _after_string(block, at)
            at = _after_string(block, at)
    return True


def _after_integer(block: bytes, at: int, mask: int) -> int:
    """Where an integer ends whose first octet has the bits of *mask* for it (section 5.1)."""
    is_long = block[at] & mask == mask
    at += 1
    if is_long:
        while block[at] & 0x80:
            at += 1
        at += 1
    return at


def _after_string(block: bytes, at: int) -> int:
    size, begin = block[at] & 0x7F, _after_integer(block, at, 0x7F)
    if size == 0x7F:
        for place in range(at + 1, begin):
            size += (block[place] & 0x7F) << 7 * (place - at - 1)
    return begin + size


def _malformed(why: str) -> StreamFault:
    return StreamFault(ErrorCode.PROTOCOL_ERROR, why)
