"""Writing no faster than the peer reads."""

from __future__ import annotations

import asyncio


class Writer:
    """Passes asyncio's pause and resume on to whoever waits to write."""

    __slots__ = ("_is_paused", "_resumed", "_transport")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._is_paused = False
        self._resumed: asyncio.Event | None = None

    def write(self, data: bytes) -> None:
        """Send now, or as soon as the peer takes it."""
        if not self._transport.is_closing():
            self._transport.write(data)

    async def writable(self) -> None:
        """Return when the peer has taken enough of what was written."""
        if self._is_paused:
            if self._resumed is None:
                self._resumed = asyncio.Event()
            await self._resumed.wait()

    def pause(self) -> None:
        """The peer reads slower than is written."""
        self._is_paused = True

    def resume(self) -> None:
        """The peer has caught up, or has gone."""
        self._is_paused = False
        if self._resumed is not None:
            self._resumed.set()
            self._resumed = None
