"""HTTP/1.1 to one place over connections that are kept, without threads of its own.

For calls of some hundred microseconds: a request is written in one piece and its answer
mostly read in one.  Knows nothing of what is asked.
"""

from __future__ import annotations

import logging
import socket
import ssl
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import httptools

from adapter.clients.places import Place
from adapter.clients.statuses import no_answer
from adapter.clients.tls import http_context
from model_store.errors import DeadlineExceeded, ServerUnreachable

logger = logging.getLogger(__name__)

Part = bytes | memoryview

_READ_BYTES = 64 * 1024
# The system takes a thousand.
_MOST_PARTS = 100
_KEPT = 64
# A machine that is not there says nothing: another one may still answer in time.
_CONNECT_S = 1.0


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An answer whose body has come whole.

    Attributes:
        status: Of its first line.
        headers: By name in lower case; of those that come twice the last.
        body: Its bytes.
    """

    status: int
    headers: Mapping[bytes, bytes]
    body: bytes


def to_lines(headers: Iterable[tuple[str, str]]) -> bytes:
    """Headers as they are sent; names and values of printable ASCII."""
    return b"".join([b"%b: %b\r\n" % (name.encode(), value.encode()) for name, value in headers])


class HttpClient:
    """One place; any number of threads may ask.  Belongs to the process that made it."""

    def __init__(self, place: Place) -> None:
        """Connects with the first request.

        Raises:
            InvalidRequest: A file of the encryption cannot be read.
        """
        self._place = place
        self._tls = None if place.tls is None else http_context(place.tls)
        self._host = place.authority.encode()
        self._kept: deque[_Connection] = deque()
        self._is_closed = False

    def get(self, path: str, headers: bytes = b"", *, timeout_s: float) -> HttpAnswer:
        """Ask for *path*; takes and raises what ``post`` does."""
        head = b"GET %b HTTP/1.1\r\nhost: %b\r\n%b\r\n" % (path.encode(), self._host, headers)
        return self._ask([head], time.monotonic() + timeout_s)

    def post(
        self, path: str, headers: bytes, body: Sequence[Part], *, timeout_s: float
    ) -> HttpAnswer:
        """Send *body*; the same request may arrive twice, so it must change nothing.

        Args:
            path: Of the URL.
            headers: Lines with their ends, but for the host's and the body's length.
            body: What is sent, in parts.
            timeout_s: Seconds for the whole answer.

        Raises:
            ServerUnreachable: Nobody listens there, or the connection ended.
            DeadlineExceeded: The answer was not whole in time.
            ServerFailed: What came is no HTTP.
        """
        head = b"POST %b HTTP/1.1\r\nhost: %b\r\ncontent-length: %d\r\n%b\r\n" % (
            path.encode(), self._host, sum(map(len, body)), headers,
        )  # fmt: skip
        return self._ask([head, *body], time.monotonic() + timeout_s)

    def close(self) -> None:
        """End the connections that nobody uses, and each other one with its answer."""
        self._is_closed = True
        while self._kept:
            self._kept.pop().close()

    def _ask(self, request: Sequence[Part], ends: float) -> HttpAnswer:
        # A server may have closed what nobody used, or have been started anew.
        while self._kept:
            try:
                connection = self._kept.pop()
            except IndexError:  # another thread was quicker
                break
            try:
                return self._ask_on(connection, request, ends)
            except ServerUnreachable:
                continue
        return self._ask_on(self._connect(ends), request, ends)

    def _ask_on(self, connection: _Connection, request: Sequence[Part], ends: float) -> HttpAnswer:
        try:
            answer = connection.ask(request, ends)
        except TimeoutError as error:
            connection.close()
            raise _late() from error
        except httptools.HttpParserError as error:
            connection.close()
            raise no_answer(self._place, error) from error
        except OSError as error:
            connection.close()
            raise _unreachable() from error
        if connection.is_open and len(self._kept) < _KEPT and not self._is_closed:
            self._kept.append(connection)
        else:
            connection.close()
        return answer

    def _connect(self, ends: float) -> _Connection:
        try:
            left_s = _left_s(ends)
        except TimeoutError as error:
            raise _late() from error
        try:
            sock = _connected(self._place, min(left_s, _CONNECT_S))
        except OSError as error:
            logger.info("no connection to the model server at %s: %s", self._place, error)
            if left_s < _CONNECT_S and isinstance(error, TimeoutError):
                raise _late() from error
            raise _unreachable() from error
        return _Connection(sock if self._tls is None else self._encrypted(sock, self._tls))

    def _encrypted(self, sock: socket.socket, tls: ssl.SSLContext) -> socket.socket:
        try:
            return tls.wrap_socket(sock, server_hostname=self._place.name)
        except OSError as error:
            sock.close()
            logger.info("no TLS with the model server at %s: %s", self._place, error)
            raise _unreachable() from error


class _Connection:
    """One socket; httptools calls the ``on_`` methods."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._parser: httptools.HttpResponseParser | None = None
        self.is_open = True

    def ask(self, request: Sequence[Part], ends: float) -> HttpAnswer:
        """Send a request and wait for its answer.

        Raises:
            OSError: The connection ended, or (TimeoutError) the time.
            HttpParserError: What came is no HTTP.
        """
        self._headers: dict[bytes, bytes] = {}
        self._parts: list[bytes] = []
        self._is_whole = False
        self._parser = parser = httptools.HttpResponseParser(self)
        try:
            self._socket.settimeout(_left_s(ends))
            _send(self._socket, request)
            while not self._is_whole:
                self._socket.settimeout(_left_s(ends))
                data = self._socket.recv(_READ_BYTES)
                if not data:
                    raise ConnectionResetError("closed before the answer was whole")
                parser.feed_data(data)
        finally:
            self._parser = None  # each has the other: only the collector would end them
        return HttpAnswer(parser.get_status_code(), self._headers, b"".join(self._parts))

    def close(self) -> None:
        """End it."""
        self._socket.close()

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        self._headers[name.lower()] = value

    def on_body(self, data: bytes) -> None:
        """A piece of the body."""
        self._parts.append(data)

    def on_message_complete(self) -> None:
        """The answer is whole; a moment later the parser has forgotten how it came."""
        assert self._parser is not None
        self._is_whole = True
        self.is_open = self._parser.should_keep_alive()


def _send(sock: socket.socket, parts: Sequence[Part]) -> None:
    """Send all *parts*, which are mostly taken at once: joining them would copy a picture."""
    sent = 0
    if len(parts) <= _MOST_PARTS and not isinstance(sock, ssl.SSLSocket):
        sent = sock.sendmsg(parts)
        if sent == sum(map(len, parts)):
            return
    sock.sendall(memoryview(b"".join(parts))[sent:])


def _connected(place: Place, timeout_s: float) -> socket.socket:
    address = place.address
    if not address.is_socket_file:
        sock = socket.create_connection((place.ip, address.port), timeout_s)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # A server whose machine lost its power says nothing: the system asks for us.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return sock
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.settimeout(timeout_s)
        sock.connect(address.host)
    except BaseException:
        sock.close()
        raise
    return sock


def _left_s(ends: float) -> float:
    left = ends - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _late() -> DeadlineExceeded:
    return DeadlineExceeded("the model server did not answer in time")


def _unreachable() -> ServerUnreachable:
    return ServerUnreachable("the model server does not answer")
