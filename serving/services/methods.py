"""What a gRPC method is, apart from any transport.

``serving.transport`` calls these; a method never sees a socket.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from serving.api.calls import Answer, ModelRef


@dataclass(slots=True)
class Call:
    """One call: what the transport knows of it, and what the method learns for the log.

    Attributes:
        deadline: On the event loop's clock; None when the caller set none.
        headers: gRPC's metadata or HTTP's headers; names in lower case.
        asked: Which servable was asked for, as soon as that is known.
        answer: What the engine answered, without which no model was run.
        request_bytes: What came, as it was sent.
        response_bytes: What went, as it was sent.
    """

    deadline: float | None = None
    headers: Mapping[bytes, bytes] = field(default_factory=dict)
    asked: ModelRef | None = None
    answer: Answer | None = None
    request_bytes: int = 0
    response_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Unary:
    """One message in, one out.

    Attributes:
        handle: Does it.
        runs_model: Whether it takes as long as a model does; then only so many may be inside.
    """

    handle: Callable[[bytes, Call], Awaitable[bytes]]
    runs_model: bool = False


@dataclass(frozen=True, slots=True)
class ServerStream:
    """One message in, several out."""

    handle: Callable[[bytes, Call], AsyncIterator[bytes]]


@dataclass(frozen=True, slots=True)
class BidiStream:
    """Several messages in, several out, in any order: answers may go before the last came.

    The requests end when the client has sent its last; what is no message raises there.
    """

    handle: Callable[[AsyncIterator[bytes], Call], AsyncIterator[bytes]]


Method = Unary | ServerStream | BidiStream
Methods = Mapping[str, Method]
