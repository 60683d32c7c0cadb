"""Writing no faster than the peer reads, and not for ever to one that does not read."""

from __future__ import annotations

import asyncio

_BEHIND_BYTES = 1024 * 1024


class Writer:
    """Passes asyncio's pause and resume on to whoever waits to write.

    What is written goes in the order in which it came here, at once or with the next turn.

    Attributes:
        is_paused: Whether the peer has to read before anything more should be written.
    """

    __slots__ = (
        "_held", "_loop", "_resumed", "_taken", "_timer", "_transport", "_unread_s", "_written",
        "is_paused",
    )  # fmt: skip

    def __init__(self, transport: asyncio.Transport, unread_s: float) -> None:
        self._transport = transport
        self._unread_s = unread_s
        self._loop = asyncio.get_running_loop()
        self.is_paused = False
        self._held: list[bytes] = []
        self._resumed: asyncio.Event | None = None
        self._written = self._taken = 0
        self._timer: asyncio.TimerHandle | None = None

    def write(self, data: bytes) -> None:
        """Send now, or as soon as the peer takes it."""
        if self._held:
            self._held.append(data)
            self._flush()
        elif not self._transport.is_closing():
            self._written += len(data)
            self._transport.write(data)

    def write_soon(self, data: bytes) -> None:
        """Send with the event loop's next turn, in one piece with all that comes until then.

        Answers that were computed together so cost one call of the system, and wake the
        peer once.
        """
        if not self._held:
            self._loop.call_soon(self._flush)
        self._held.append(data)

    def _flush(self) -> None:
        if self._held:
            data = b"".join(self._held)
            self._held.clear()
            self.write(data)

    async def writable(self) -> None:
        """Return when the peer has taken enough of what was written."""
        if self.is_paused:
            if self._resumed is None:
                self._resumed = asyncio.Event()
            await self._resumed.wait()

    def is_behind(self) -> bool:
        """Whether so much waits for the peer that nothing more should be asked by it."""
        return self.is_paused and self._transport.get_write_buffer_size() > _BEHIND_BYTES

    def pause(self) -> None:
        """The peer reads slower than is written."""
        self.is_paused = True
        self._watch()

    def resume(self) -> None:
        """The peer has caught up."""
        self.is_paused = False
        if self._resumed is not None:
            self._resumed.set()
            self._resumed = None

    def close(self) -> None:
        """Send what is written, as long as the peer takes it, and close."""
        self._flush()
        if not self._transport.is_closing():
            self._transport.close()
            self._watch()

    def lose(self) -> None:
        """The connection has gone."""
        self._held.clear()
        self.resume()
        if self._timer is not None:
            self._timer.cancel()

    def _watch(self) -> None:
        if self._timer is None:
            self._taken = self._written - self._transport.get_write_buffer_size()
            self._timer = self._loop.call_later(self._unread_s, self._look)

    def _look(self) -> None:
        self._timer = None
        if not self.is_paused and not self._transport.is_closing():
            return
        if self._written - self._transport.get_write_buffer_size() <= self._taken:
            self._transport.abort()
        else:
            self._watch()
