"""A server for one test, and clients that say exactly what the test wants."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import h2.config
import h2.connection
import h2.events

from serving.sockets.asgi import App
from serving.sockets.limits import Limits
from serving.sockets.server import SocketServer

WAIT_S = 20.0


@asynccontextmanager
async def served(app: App, limits: Limits | None = None) -> AsyncIterator[tuple[SocketServer, int]]:
    """*app* on a port of the system's choice; everything must be closed in the end."""
    sock = socket.create_server(("127.0.0.1", 0))
    server = SocketServer(app, limits or Limits())
    server.listen(sock)
    try:
        yield server, sock.getsockname()[1]
    finally:
        await server.close(5.0)


async def whole_body(receive) -> bytes:
    """What an application reads of a request."""
    body = b""
    while True:
        event = await receive()
        assert event["type"] == "http.request"
        body += event["body"]
        if not event["more_body"]:
            return body


async def echo(scope, receive, send) -> None:
    """Answers with the body it was sent, and the path as a header."""
    body = await whole_body(receive)
    headers = [(b"x-path", scope["path"].encode()), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


@dataclass
class Answer:
    """One response, as far as it came."""

    headers: dict[bytes, bytes] = field(default_factory=dict)
    body: bytes = b""
    trailers: dict[bytes, bytes] = field(default_factory=dict)
    reset: int | None = None
    is_done: bool = False


class H2Client:
    """The h2 library over asyncio: a peer that follows the protocol to the letter."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        config = h2.config.H2Configuration(
            client_side=True, header_encoding=None, validate_outbound_headers=False
        )
        self.h2 = h2.connection.H2Connection(config)
        self.answers: dict[int, Answer] = {}
        self.goaway: int | None = None
        self.acknowledges = True

    @classmethod
    async def connect(cls, port: int) -> H2Client:
        client = cls(*await asyncio.open_connection("127.0.0.1", port))
        client.h2.initiate_connection()
        client.flush()
        return client

    def flush(self) -> None:
        self.writer.write(self.h2.data_to_send())

    def begin(
        self,
        path: str = "/",
        *,
        end: bool = True,
        method: str = "POST",
        more: Iterable[tuple[str, str]] = (),
    ) -> int:
        number = self.begin_later(path, end=end, method=method, more=more)
        self.flush()
        return number

    def begin_later(
        self,
        path: str = "/",
        *,
        end: bool = True,
        method: str = "POST",
        more: Iterable[tuple[str, str]] = (),
    ) -> int:
        """Begin a request that is sent with the next flush."""
        number = self.h2.get_next_available_stream_id()
        headers = [(":method", method), (":scheme", "http"), (":path", path), (":authority", "x")]
        headers += more
        self.h2.send_headers(number, headers, end_stream=end)
        self.answers[number] = Answer()
        return number

    async def send_all(self, number: int, body: bytes) -> None:
        """Send a body as the windows allow."""
        at = 0
        while at < len(body):
            size = min(
                self.h2.local_flow_control_window(number),
                self.h2.max_outbound_frame_size,
                len(body) - at,
            )
            if size:
                self.h2.send_data(number, body[at : at + size])
                self.flush()
                at += size
            else:
                await self.hear()
        self.h2.end_stream(number)
        self.flush()

    async def hear(self) -> bool:
        """Take what the server says; False at the connection's end."""
        async with asyncio.timeout(WAIT_S):
            data = await self.reader.read(65536)
        if not data:
            return False
        for event in self.h2.receive_data(data):
            self.note(event)
        self.flush()
        return True

    def note(self, event: h2.events.Event) -> None:
        answer = self.answers.get(getattr(event, "stream_id", 0))
        match event:
            case h2.events.ResponseReceived():
                answer.headers = dict(event.headers)
            case h2.events.DataReceived():
                answer.body += event.data
                if self.acknowledges:
                    self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case h2.events.TrailersReceived():
                answer.trailers = dict(event.headers)
            case h2.events.StreamEnded():
                answer.is_done = True
            case h2.events.StreamReset():
                answer.reset = event.error_code
                answer.is_done = True
            case h2.events.ConnectionTerminated():
                self.goaway = event.error_code

    async def answer(self, number: int) -> Answer:
        """Wait for the end of one response."""
        while not self.answers[number].is_done:
            assert await self.hear(), "the server closed the connection"
        return self.answers[number]

    async def end(self) -> None:
        """Hear the server out, until it closes."""
        while await self.hear():
            pass

    def close(self) -> None:
        self.writer.close()
