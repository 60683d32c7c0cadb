"""ASGI's shapes, for both versions of HTTP (asgi.readthedocs.io, HTTP 2.4 with trailers)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
App = Callable[[Event, Receive, Send], Awaitable[None]]
Headers = Sequence[tuple[bytes, bytes]]

DISCONNECT: Event = {"type": "http.disconnect"}
_VERSIONS = {"version": "3.0", "spec_version": "2.4"}


class Peer(NamedTuple):
    """Both ends of a connection, as ASGI names them; None for Unix sockets."""

    client: tuple[str, int] | None
    server: tuple[str, int] | None
    scheme: str

    @property
    def is_secure(self) -> bool:
        """Whether the connection is encrypted."""
        return self.scheme == "https"


def peer_of(transport: asyncio.BaseTransport) -> Peer:
    """Both ends of a connection."""
    ends = (transport.get_extra_info("peername"), transport.get_extra_info("sockname"))
    client, server = ((end[0], end[1]) if isinstance(end, tuple) else None for end in ends)
    is_secure = transport.get_extra_info("ssl_object") is not None
    return Peer(client, server, "https" if is_secure else "http")


def make_scope(version: str, method: bytes, target: bytes, headers: Headers, peer: Peer) -> Event:
    """The ASGI scope of one request; *target* is the path and the query as they came."""
    raw_path, _, query = target.partition(b"?")
    path = unquote_to_bytes(raw_path) if b"%" in raw_path else raw_path
    return {
        "type": "http",
        "asgi": _VERSIONS,
        "http_version": version,
        "method": method.decode("latin-1").upper(),
        "scheme": peer.scheme,
        "path": path.decode("utf-8", "replace"),
        "raw_path": raw_path,
        "query_string": query,
        "root_path": "",
        "headers": headers,
        "client": peer.client,
        "server": peer.server,
        "extensions": {"http.response.trailers": {}},
    }
