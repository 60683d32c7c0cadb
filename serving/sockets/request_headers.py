"""A request's header block becomes an ASGI scope, once for all requests that send the same.

The compression's table belongs to the connection (RFC 7541), so every block must be read
in order, also of a stream that is refused.
"""

from __future__ import annotations

from hpack import Decoder, HPACKError
from hpack.exceptions import OversizedHeaderListError

from serving.sockets.asgi import Event, Peer, make_scope
from serving.sockets.frames import ConnectionFault, ErrorCode, StreamFault

_PSEUDO = {b":method", b":scheme", b":path", b":authority"}
# Of HTTP/1.1; they have no meaning here (RFC 9113, section 8.2.2).
_FORBIDDEN = {b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"}
_REMEMBERED = 64


class HeaderReader:
    """Reads one connection's header blocks."""

    def __init__(self, max_bytes: int, peer: Peer) -> None:
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
        scope = make_request_scope(self.decode(block), self._peer)
        # A block of table entries alone means the same until the table changes.
        if _is_entries_alone(block):
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
        if not _is_entries_alone(block):
            self._scopes.clear()
        try:
            return [
                (bytes(name), bytes(value)) for name, value in self._decoder.decode(block, raw=True)
            ]
        except OversizedHeaderListError as error:
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "too many headers") from error
        # hpack lets some of Python's own errors through for damaged integers and strings.
        except (HPACKError, IndexError, ValueError) as error:
            raise ConnectionFault(ErrorCode.COMPRESSION_ERROR, str(error)) from error


def make_request_scope(fields: list[tuple[bytes, bytes]], peer: Peer) -> Event:
    """Check a request's headers (RFC 9113, section 8.3.1) and make its scope.

    Raises:
        StreamFault: They are no request's.
    """
    pseudo: dict[bytes, bytes] = {}
    headers: list[tuple[bytes, bytes]] = []
    for name, value in fields:
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
    return make_scope("2", pseudo[b":method"], target, headers, peer)


def _is_entries_alone(block: bytes) -> bool:
    """Whether nothing in it can change the table: every octet is an entry's number."""
    return min(block, default=0x80) >= 0x80


def _malformed(why: str) -> StreamFault:
    return StreamFault(ErrorCode.PROTOCOL_ERROR, why)
