"""Requests whose head is the last one's, byte for byte, as a caller's mostly are on a connection.

What such a head says is known, and nothing of it need be parsed again.
"""

from __future__ import annotations

from dataclasses import dataclass

from serving.sockets.asgi import Event
from serving.sockets.entrance import Make

_END = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class KnownHead:
    """A head that was parsed once, and asks nothing of the connection.

    Attributes:
        text: From the request's first byte to the empty line.
        scope: ASGI's, of any request that begins so.
        whole: Length of such a request, with its body.
        make: Makes of it what is answered without a task; None where a task is needed.
    """

    text: bytes
    scope: Event
    whole: int
    make: Make | None = None

    def begins(self, data: bytes) -> bool:
        """Whether *data* is one whole request with this head, and nothing else."""
        return len(data) == self.whole and data.startswith(self.text)


class Heads:
    """How the requests of one connection begin, as far as that repeats."""

    __slots__ = ("_last", "known")

    def __init__(self) -> None:
        self.known: KnownHead | None = None
        self._last = b""

    def note(self, data: bytes, scope: Event, body: bytes, make: Make | None) -> None:
        """A request came whole; see ``remember``, which is for heads that came twice."""
        if self._last and data.startswith(self._last):
            self.known = remember(data, scope, body, make)
        else:
            self.known = None
            self._last = data[: data.find(_END) + len(_END)]


def remember(data: bytes, scope: Event, body: bytes, make: Make | None = None) -> KnownHead | None:
    """The head of *data*, in which the parser has just found one whole request.

    Args:
        data: All that came at once.
        scope: Of the request.
        body: Its body, as the parser gave it.
        make: What the application says of such requests.

    Returns:
        None unless it is certain where the head ends, and that it gives the body's length:
        a line must end as RFC 9112 has it (the parser may be content with less).
    """
    end = data.find(_END) + len(_END)
    text = data[:end]
    has_length = any([name == b"content-length" for name, _ in scope["headers"]])
    is_certain = (
        end >= len(_END)
        and text[:1].isalpha()
        and text.count(b"\n") == text.count(b"\r\n") == text.count(b"\r")
        and len(body) == len(data) - end
        and has_length == bool(body)
        and not any([name == b"transfer-encoding" for name, _ in scope["headers"]])
    )
    return KnownHead(text, dict(scope), len(data), make) if is_certain else None
