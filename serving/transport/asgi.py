"""What every part of the transport says about ASGI: its types, and reading a body whole."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from model_store.errors import Cancelled
from serving.transport.compression import too_large

Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
# Names in lower case; of repeated ones the last.
Headers = dict[bytes, bytes]


Hold = Callable[[int], None]


async def read_body(receive: Receive, max_bytes: int, hold: Hold, *, frame_bytes: int = 0) -> bytes:
    """The whole body.

    Args:
        receive: ASGI's.
        max_bytes: The limit.
        hold: Told of every piece before it is kept; may raise.
        frame_bytes: How much of the body is not the message, and not limited.

    Raises:
        Cancelled: The client went away first.
        MessageTooLarge: It is longer than *max_bytes*.
        Overloaded: Together with others it takes too much.
    """
    event = await receive()
    if event["type"] == "http.request" and not event.get("more_body", False):
        body: bytes = event.get("body", b"")  # most requests come whole
        if len(body) <= max_bytes + frame_bytes:
            hold(len(body))
            return body

    def check(part: bytes, length: int) -> None:
        if length > max_bytes + frame_bytes:
            raise too_large(length - frame_bytes, max_bytes)
        hold(len(part))

    return await _join(event, receive, check)


async def _join(event: Event, receive: Receive, check: Callable[[bytes, int], None]) -> bytes:
    parts: list[bytes] = []
    length = 0
    while event["type"] != "http.disconnect":
        part = event.get("body", b"")
        if part:
            length += len(part)
            check(part, length)
            parts.append(part)
        if not event.get("more_body", False):
            return b"".join(parts)
        event = await receive()
    raise Cancelled("the client went away")
