"""What one connection may cost."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one connection.

    Attributes:
        streams: Requests at the same time.
        header_bytes: Headers of one request, decompressed.
        window_bytes: Bytes of bodies that may wait unread, over all streams.
        stream_window_bytes: The same for one stream.
        headers_s: Seconds for the headers of a request to arrive, from its first byte.
        idle_s: Seconds that an HTTP/1.1 connection may wait for its next request.
        stall_s: Seconds without a byte of a body that is being read.
        unread_s: Seconds in which a client takes nothing of what it is sent.
        quiet_s: Seconds that an HTTP/2 connection may wait for its next request.
        max_age_s: Seconds after which a client is asked to connect anew; 0 for never.
            Balancers in front of several servers need it: gRPC keeps a connection for ever.
    """

    streams: int = 1024
    header_bytes: int = 64 * 1024
    window_bytes: int = 16 * 1024 * 1024
    stream_window_bytes: int = 4 * 1024 * 1024
    headers_s: float = 10.0
    idle_s: float = 75.0
    stall_s: float = 30.0
    unread_s: float = 120.0
    quiet_s: float = 900.0
    max_age_s: float = 0.0
