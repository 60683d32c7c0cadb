"""A client's stream of messages, for a method that answers while they still come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from model_store.errors import EaselError
from serving.transport.asgi import Event, Receive
from serving.transport.grpc_frames import FrameReader
from serving.transport.guard import wait_for_disconnect

# Read ahead of the method; beyond it HTTP/2's flow control holds the client back.
_AHEAD = 8


class Inbox:
    """Messages from the wire to a method, in order, and the news that the client has gone.

    A task of its own reads, because a method that is busy with one message must still be
    ended when its client leaves.
    """

    def __init__(self, receive: Receive, reader: FrameReader) -> None:
        self.received_bytes = 0
        self._receive = receive
        self._reader = reader
        self._messages: asyncio.Queue[bytes | EaselError | None] = asyncio.Queue(_AHEAD)
        self._gone = asyncio.Event()
        self._filling = asyncio.create_task(self._fill())

    def stop(self) -> None:
        """Read no longer."""
        self._filling.cancel()

    async def messages(self) -> AsyncIterator[bytes]:
        """Each message, until the client says that it has sent the last.

        Raises:
            EaselError: What came was no message; the same as ``FrameReader`` raises.
        """
        while (item := await self._messages.get()) is not None:
            if isinstance(item, EaselError):
                raise item
            yield item

    async def disconnect(self) -> Event:
        """Wait for the client to go; stands in for ASGI's ``receive``, which is taken."""
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _fill(self) -> None:
        try:
            if await self._read_all():
                await wait_for_disconnect(self._receive)
        finally:
            self._gone.set()

    async def _read_all(self) -> bool:
        """Pass on what comes; False when the client went before its last message."""
        try:
            has_more = True
            while has_more:
                event = await self._receive()
                if event["type"] == "http.disconnect":
                    return False
                part = event.get("body", b"")
                self.received_bytes += len(part)
                for message in self._reader.feed(part):
                    await self._messages.put(message)
                has_more = event.get("more_body", False)
            self._reader.finish()
            await self._messages.put(None)
        except EaselError as error:
            await self._messages.put(error)
        return True
