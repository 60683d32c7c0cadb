"""Sends many prepared requests over kept connections, in turn, and remembers every answer.

h2load sends one body again and again; here each request is another drawing.  One thread, raw
sockets and no parsing beyond an answer's length, so that it costs a fraction of what the
servers do.  Answers are judged when the clock has stopped.
"""

from __future__ import annotations

import gc
import random
import select
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from benchmarks.load import NoAnswer
from benchmarks.processes import BenchError

_READ_BYTES = 256 * 1024
_CONNECT_S = 10.0
_LAST_S = 30.0
_MOST_LINES = 200
_LENGTH = b"content-length:"
_LEAVE = b"\r\nconnection: close"
_END = b"\r\n\r\n"
_LAST_CHUNK = b"0\r\n\r\n"
_SEED = 20261123


@dataclass(slots=True)
class Answered:
    """What came back.

    Attributes:
        seconds: From the first request until the time was over.
        times_us: Of each answer that came in this time, from when it was to be sent.
        answers: Which request, and the body of its answer; also of the last, late ones.
    """

    seconds: float = 0.0
    times_us: list[float] = field(default_factory=list)
    answers: list[tuple[int, bytes]] = field(default_factory=list)


def to_request(path: str, body: bytes) -> bytes:
    """A POST of JSON as it goes over the wire."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class _Line:
    """One connection with at most one request under way."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._address = host, int(port)
        self._is_left = False
        self.socket = self._connect()
        self.number = -1
        self.begun = 0.0
        self._got = b""

    def _connect(self) -> socket.socket:
        line = socket.create_connection(self._address, _CONNECT_S)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return line

    def fileno(self) -> int:
        """For select."""
        return self.socket.fileno()

    def send(self, number: int, request: bytes, begun: float) -> None:
        """Begin; *begun* is when it was to begin."""
        if self._is_left:  # as the last answer asked for
            self.socket.close()
            self.socket, self._is_left = self._connect(), False
        self.number, self.begun, self._got = number, begun, b""
        self.socket.sendall(request)

    def receive(self) -> bytes | None:
        """The answer's body once it is whole.

        Raises:
            NoAnswer: It is a failure, or the server hung up.
        """
        data = self.socket.recv(_READ_BYTES)
        got = self._got = self._got + data if self._got else data
        if not data:
            raise NoAnswer("the server closed the connection before its answer")
        end = got.find(_END)
        if end < 0:
            return None
        if got[9:12] != b"200":
            raise NoAnswer(f"answered: {got[:300].decode('latin-1')}")
        head = got[:end].lower()
        self._is_left = _LEAVE in head
        begin = end + len(_END)
        at = head.find(_LENGTH)
        if at >= 0:
            length = int(head[at + len(_LENGTH) :].partition(b"\r\n")[0])
            return got[begin:] if len(got) - begin >= length else None
        if b"chunked" not in head:
            raise NoAnswer("an answer that does not say how long it is")
        return _joined(got[begin:]) if got.endswith(_LAST_CHUNK) else None


def _joined(chunks: bytes) -> bytes:
    """The body out of its chunks."""
    parts = []
    while not chunks.startswith(b"0\r\n"):
        size, _, rest = chunks.partition(b"\r\n")
        length = int(size, 16)
        parts.append(rest[:length])
        chunks = rest[length + 2 :]
    return b"".join(parts)


def closed_loop(
    address: str, requests: Sequence[bytes], *, callers: int, seconds: float
) -> Answered:
    """Keep *callers* requests under way.

    Raises:
        BenchError: Some answer was a failure, or none came.
    """
    with _without_collector():
        lines = [_Line(address) for _ in range(callers)]
        found = Answered()
        begun = time.perf_counter()
        end = begun + seconds
        number = 0

        def next_on(line: _Line, now: float) -> None:
            nonlocal number
            if now < end:
                line.send(number % len(requests), requests[number % len(requests)], now)
                number += 1

        for line in lines:
            next_on(line, time.perf_counter())
        while under_way := [line for line in lines if line.number >= 0]:
            _take(under_way, found, end, next_on)
        found.seconds = seconds
        if not found.times_us:  # one that is slower than that is measured by what it began
            found.seconds = time.perf_counter() - begun
            found.times_us = [found.seconds * 1e6] * len(found.answers)
        _close(lines)
        return found


def open_loop(address: str, requests: Sequence[bytes], *, rate: float, seconds: float) -> Answered:
    """Send at random moments, *rate* a second in the mean, whether answers come or not.

    A request's time counts from the moment it was to be sent, so that a slow server is not
    asked less.

    Raises:
        BenchError: Some answer was a failure, none came, or the server is far behind.
    """
    with _without_collector():
        moments = deque(_moments(rate, seconds))
        found, idle, lines = Answered(), deque[_Line](), list[_Line]()
        begun, number = time.perf_counter(), 0
        end = begun + seconds

        def done(line: _Line, _: float) -> None:
            idle.append(line)

        while moments or any(line.number >= 0 for line in lines):
            now = time.perf_counter()
            while moments and begun + moments[0] <= now:
                if not idle:
                    lines.append(_Line(address))
                    idle.append(lines[-1])
                    if len(lines) > _MOST_LINES:
                        raise BenchError(f"{_MOST_LINES} requests are unanswered")
                wanted = begun + moments.popleft()
                which = number % len(requests)
                idle.popleft().send(which, requests[which], wanted)
                number += 1
            under_way = [line for line in lines if line.number >= 0]
            wait = begun + moments[0] - time.perf_counter() if moments else _LAST_S
            _take(under_way, found, end + _LAST_S, done, max(wait, 0.0))
        found.seconds = seconds
        _close(lines)
        return found


def _take(
    lines: Sequence[_Line],
    found: Answered,
    counted_until: float,
    then: Callable[[_Line, float], None],
    wait_s: float = _LAST_S,
) -> None:
    """Read what is there; *then* is called for each line that is free again."""
    readable, _, _ = select.select(lines, (), (), wait_s)
    if not readable and wait_s == _LAST_S:
        raise NoAnswer(f"no answer in {_LAST_S:.0f} s")
    for line in readable:
        body = line.receive()
        if body is None:
            continue
        now = time.perf_counter()
        if now < counted_until:
            found.times_us.append((now - line.begun) * 1e6)
        found.answers.append((line.number, body))
        line.number = -1
        then(line, now)


def _moments(rate: float, seconds: float) -> Iterator[float]:
    """Seconds from the beginning, as callers come who know nothing of each other."""
    chance, at = random.Random(_SEED), 0.0
    while (at := at + chance.expovariate(rate)) < seconds:
        yield at


def _close(lines: Sequence[_Line]) -> None:
    for line in lines:
        line.socket.close()


@contextmanager
def _without_collector() -> Iterator[None]:
    gc.disable()
    try:
        yield
    except OSError as error:
        raise NoAnswer(f"the connection broke: {error}") from error
    finally:
        gc.enable()
