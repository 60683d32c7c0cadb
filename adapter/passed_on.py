"""What a request brings along for everybody it reaches: its id, and its trace.

The front end sets it for the thread that answers; clients send it with their calls.
"""

from __future__ import annotations

from contextvars import ContextVar

# Pairs of gRPC metadata, or of HTTP headers: names in lower case, values of printable ASCII.
Headers = tuple[tuple[str, str], ...]

_current: ContextVar[Headers] = ContextVar("passed_on", default=())


def pass_on(headers: Headers) -> None:
    """Have *headers* sent with every call for the request of this thread."""
    _current.set(headers)


def passed_on() -> Headers:
    """What to send along; ask in the thread of the request."""
    return _current.get()
