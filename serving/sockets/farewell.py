"""Asking an HTTP/2 client for another connection, in two steps (RFC 9113, section 6.8)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from serving.sockets import frames
from serving.sockets.frames import ErrorCode

_PING = b"draining"
# Some clients answer nothing after a GOAWAY.
_ACK_S = 0.5


class Farewell:
    """The first step, until the client has heard it.  Lives on one event loop."""

    def __init__(self, write: Callable[[bytes], None], refuse: Callable[[], None]) -> None:
        """Nothing is asked yet; *refuse* is the second step, after which no stream begins."""
        self._write = write
        self._refuse = refuse
        self._has_begun = self._has_ended = False

    def begin(self) -> None:
        """Ask, once."""
        if self._has_begun:
            return
        self._has_begun = True
        # In this order: some clients take nothing but answers after a GOAWAY.
        ping = frames.encode_frame(frames.PING, 0, 0, _PING)
        self._write(ping + frames.encode_goaway(frames.MAX_STREAM, ErrorCode.NO_ERROR))
        asyncio.get_running_loop().call_later(_ACK_S, self._end)

    def note_ack(self, payload: bytes) -> None:
        """The client has answered a ping."""
        if payload == _PING:
            self._end()

    def _end(self) -> None:
        if not self._has_ended:
            self._has_ended = True
            self._refuse()
