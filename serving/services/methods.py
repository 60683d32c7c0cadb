"""What a gRPC method is, apart from any transport.

``serving.transport`` calls these; a method never sees a header or a socket.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Call:
    """What the transport knows of one call.

    Attributes:
        deadline: On the event loop's clock; None when the caller set none.
    """

    deadline: float | None = None


@dataclass(frozen=True, slots=True)
class Unary:
    """One message in, one out."""

    handle: Callable[[bytes, Call], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class ServerStream:
    """One message in, several out."""

    handle: Callable[[bytes, Call], AsyncIterator[bytes]]


Method = Unary | ServerStream
Methods = Mapping[str, Method]
