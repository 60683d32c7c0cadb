"""Requests whose head is the last one's, byte for byte, as a caller's mostly are on a connection.

What such a head says is known, and nothing of it need be parsed again.  In its last lines a
request may be labelled: an id and a trace are others each time, and mean nothing to a connection.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import NamedTuple

from serving.sockets.asgi import Event
from serving.sockets.entrance import LABELS, Make

_LINE = b"\r\n"
_END = b"\r\n\r\n"


class Repeated(NamedTuple):
    """A whole request that begins as the last one did."""

    scope: Event
    body: bytes
    make: Make | None


@dataclass(frozen=True, slots=True)
class KnownHead:
    """A head that was parsed once, and asks nothing of the connection.

    Attributes:
        text: From the request's first byte to its labels, or to the empty line's end.
        scope: ASGI's, of any request that begins so; without the labels.
        body_bytes: Length of the body.
        labels: The names of its labels as they are written.
        make: Makes of it what is answered without a task; None where a task is needed.
    """

    text: bytes
    scope: Event
    body_bytes: int
    labels: tuple[bytes, ...] = ()
    make: Make | None = None

    def read(self, data: bytes) -> Repeated | None:
        """*data* as one whole request with this head, and nothing else; None if it is not."""
        if not data.startswith(self.text):
            return None
        at = len(self.text)
        if not self.labels:
            if len(data) != at + self.body_bytes:
                return None
            return Repeated(dict(self.scope), data[at:], self.make)
        found = _label_lines(self.labels).match(data, at)
        if found is None or len(data) != found.end() + self.body_bytes:
            return None
        labels = list(zip(map(bytes.lower, self.labels), found.groups(), strict=True))
        scope = {**self.scope, "headers": [*self.scope["headers"], *labels]}
        make = None if self.make is None else partial(self.make, labels=labels)
        return Repeated(scope, data[found.end() :], make)


class Heads:
    """How the requests of one connection begin, as far as that repeats."""

    __slots__ = ("_last", "known")

    def __init__(self) -> None:
        self.known: KnownHead | None = None
        self._last = b""

    def find(self, data: bytes) -> Repeated | None:
        """*data* as a request with the known head, if it is one."""
        return None if self.known is None else self.known.read(data)

    def note(self, data: bytes, scope: Event, body: bytes, make: Make | None) -> None:
        """A request came whole; see ``remember``, which is for heads that came twice."""
        if self._last and data.startswith(self._last):
            self.known = remember(data, scope, body, make)
        else:
            self.known = None
            self._last = data[: _fixed_bytes(data)]


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
    text, headers = data[:end], scope["headers"]
    has_length = any([name == b"content-length" for name, _ in headers])
    is_certain = (
        end >= len(_END)
        and text[:1].isalpha()
        and text.count(b"\n") == text.count(b"\r\n") == text.count(b"\r")
        and len(body) == len(data) - end
        and has_length == bool(body)
        and not any([name == b"transfer-encoding" for name, _ in headers])
    )
    if not is_certain:
        return None
    fixed = _fixed_bytes(data)
    labels = tuple([line.partition(b":")[0] for line in text[fixed:].split(_LINE)[:-2]])
    if labels and not _are_read_alike(labels, text[fixed:], headers):
        labels, fixed = (), end
    scope = {**scope, "headers": headers[: len(headers) - len(labels)]}
    return KnownHead(data[:fixed], scope, len(body), labels, make)


def _fixed_bytes(data: bytes) -> int:
    """How much of *data* is its head without the labels in its last lines."""
    end = data.find(_END)
    at = end + len(_LINE)  # where the empty line begins
    while True:
        begin = data.rfind(_LINE, 0, max(at - len(_LINE), 0)) + len(_LINE)
        name, colon, _ = data[begin:at].partition(b":")
        if begin < len(_LINE) or not colon or name.lower() not in LABELS:
            break
        at = begin
    return at if at < end + len(_LINE) else end + len(_END)


def _are_read_alike(
    labels: Sequence[bytes], lines: bytes, headers: Sequence[tuple[bytes, bytes]]
) -> bool:
    """Whether the parser found in *lines* what will be found in such lines."""
    found = _label_lines(tuple(labels)).fullmatch(lines)
    if found is None:
        return False
    names = map(bytes.lower, labels)
    return list(zip(names, found.groups(), strict=True)) == list(headers[-len(labels) :])


@lru_cache(maxsize=64)
def _label_lines(names: tuple[bytes, ...]) -> re.Pattern[bytes]:
    """Lines of *names* with any values of visible ASCII, and the empty line."""
    lines = [re.escape(name) + rb": ([!-~]{1,256})\r\n" for name in names]
    return re.compile(b"".join([*lines, _LINE]))
