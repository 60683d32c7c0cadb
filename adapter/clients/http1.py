"""HTTP/1.1 connections to one address that are kept and used again, without a thread of their own.

For calls of some hundred microseconds: a request is written in one piece and its answer
read in one, mostly.  Knows nothing of what is asked.
"""

from __future__ import annotations

import os
import socket
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

import httptools

from model_store.errors import DeadlineExceeded, EaselError, ServerUnreachable

_READ_BYTES = 64 * 1024
_KEPT = 64
_PAUSE_S = 0.05
_UNIX = "unix:"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer whose body has come whole.

    Attributes:
        status: Of its first line.
        headers: By name in lower case; of those that come twice the last.
        body: Its bytes.
    """

    status: int
    headers: Mapping[bytes, bytes]
    body: bytes


class HttpClient:
    """Asks one address; any number of threads may.  Opens nothing before the first call.

    A process that was forked opens connections of its own.
    """

    def __init__(self, address: str) -> None:
        """*address* is ``host:port``, or ``unix:`` and a path."""
        self.address = address
        self._host = b"localhost" if address.startswith(_UNIX) else address.encode("idna")
        self._kept: deque[_Connection] = deque()
        self._pid = 0

    def get(self, path: str, *, timeout_s: float) -> Answer:
        """Ask for *path*; raises as ``post`` does."""
        head = b"GET %b HTTP/1.1\r\nhost: %b\r\n\r\n" % (path.encode(), self._host)
        return self._ask(head, time.monotonic() + timeout_s)

    def post(
        self, path: str, headers: Mapping[bytes, bytes], body: bytes, *, timeout_s: float
    ) -> Answer:
        """Send *body*; the same request may arrive twice, so it must change nothing.

        Raises:
            ServerUnreachable: Nobody listens there, or the connection ended, twice.
            DeadlineExceeded: The answer was not whole within *timeout_s*.
            EaselError: What came is no HTTP.
        """
        given = b"".join([b"%b: %b\r\n" % each for each in headers.items()])
        request = b"POST %b HTTP/1.1\r\nhost: %b\r\ncontent-length: %d\r\n%b\r\n%b" % (
            path.encode(), self._host, len(body), given, body,
        )  # fmt: skip
        return self._ask(request, time.monotonic() + timeout_s)

    def _ask(self, request: bytes, ends: float) -> Answer:
        connection = self._take()
        if connection is not None:
            try:
                return self._ask_on(connection, request, ends)
            except ServerUnreachable:
                # A server may close what nobody uses, or has been started anew: so are they all.
                self._close_kept()
        try:
            return self._ask_on(self._connect(ends), request, ends)
        except ServerUnreachable:
            time.sleep(min(_PAUSE_S, _left_s(ends)))
            return self._ask_on(self._connect(ends), request, ends)

    def _ask_on(self, connection: _Connection, request: bytes, ends: float) -> Answer:
        try:
            answer = connection.ask(request, ends)
        except TimeoutError as error:
            connection.close()
            raise DeadlineExceeded(f"{self.address} did not answer in time") from error
        except OSError as error:
            connection.close()
            raise self._unreachable() from error
        except BaseException:
            connection.close()
            raise
        if connection.is_open and len(self._kept) < _KEPT:
            self._kept.append(connection)
        return answer

    def _connect(self, ends: float) -> _Connection:
        try:
            return _Connection(_connected(self.address, _left_s(ends)))
        except TimeoutError as error:
            raise DeadlineExceeded(f"{self.address} did not answer in time") from error
        except (OSError, ValueError) as error:
            raise self._unreachable() from error

    def _unreachable(self) -> ServerUnreachable:
        return ServerUnreachable(f"the model server at {self.address} does not answer")

    def _take(self) -> _Connection | None:
        if self._pid != os.getpid():  # what is kept belongs to the process we were forked from
            self._kept, self._pid = deque(), os.getpid()
        try:
            return self._kept.pop()
        except IndexError:
            return None

    def _close_kept(self) -> None:
        while (connection := self._take()) is not None:
            connection.close()


class _Connection:
    """One socket; httptools calls the ``on_`` methods."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self.is_open = True

    def ask(self, request: bytes, ends: float) -> Answer:
        """Send a request and wait for its answer.

        Raises:
            OSError: The connection ended, or (TimeoutError) the time.
            EaselError: What came is no HTTP.
        """
        self._headers: dict[bytes, bytes] = {}
        self._parts: list[bytes] = []
        self._is_whole = False
        self._parser = parser = httptools.HttpResponseParser(self)
        self._socket.settimeout(_left_s(ends))
        self._socket.sendall(request)
        while not self._is_whole:
            self._socket.settimeout(_left_s(ends))
            data = self._socket.recv(_READ_BYTES)
            if not data:
                raise ConnectionResetError("closed before the answer was whole")
            try:
                parser.feed_data(data)
            except httptools.HttpParserError as error:
                raise EaselError("what answers there does not speak HTTP") from error
        return Answer(parser.get_status_code(), self._headers, b"".join(self._parts))

    def close(self) -> None:
        """End it."""
        self._socket.close()

    def __del__(self) -> None:
        """Nobody tells a client that it is not needed any more."""
        self._socket.close()

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        self._headers[name.lower()] = value

    def on_body(self, data: bytes) -> None:
        """A piece of the body."""
        self._parts.append(data)

    def on_message_complete(self) -> None:
        """The answer is whole; a moment later the parser has forgotten how it came."""
        self._is_whole = True
        self.is_open = self._parser.should_keep_alive()


def _connected(address: str, timeout_s: float) -> socket.socket:
    if address.startswith(_UNIX):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.settimeout(timeout_s)
            sock.connect(address.removeprefix(_UNIX))
        except BaseException:
            sock.close()
            raise
        return sock
    host, _, port = address.rpartition(":")
    sock = socket.create_connection((host.strip("[]"), int(port)), timeout_s)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def _left_s(ends: float) -> float:
    left = ends - time.monotonic()
    if left <= 0:
        raise DeadlineExceeded("the request's time was over before the answer came")
    return left
