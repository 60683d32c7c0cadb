"""The transport over a real socket, with methods and pages made for a test."""

from __future__ import annotations

import asyncio
import http.client
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from serving.services.http import HttpApis
from serving.services.methods import Methods
from serving.sockets.limits import Limits
from serving.sockets.server import SocketServer
from serving.transport.app import AsgiApp
from serving.transport.options import Options


@dataclass(frozen=True)
class RunningApp:
    """An application under the real ASGI server, on its own thread."""

    address: str
    app: AsgiApp

    @property
    def place(self) -> tuple[str, int]:
        """Where a bare socket connects to."""
        host, _, port = self.address.rpartition(":")
        return host, int(port)


@contextmanager
def running_app(
    methods: Methods, apis: HttpApis | None = None, options: Options | None = None
) -> Iterator[RunningApp]:
    """Serve until the block ends."""
    app = AsgiApp(methods, apis or {}, options or Options(max_message_bytes=1_000_000))
    begun = threading.Event()
    ready: list[tuple[str, asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def run() -> None:
        server, end = SocketServer(app, Limits()), asyncio.Event()
        server.listen(socket.create_server(("127.0.0.1", 0)))
        ready.append((server.addresses[0], asyncio.get_running_loop(), end))
        begun.set()
        await end.wait()
        await server.close(10.0)

    thread = threading.Thread(target=asyncio.run, args=(run(),), name="test-app")
    thread.start()
    assert begun.wait(30)
    address, loop, end = ready[0]
    try:
        yield RunningApp(address, app)
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join(60)
    assert not thread.is_alive()


@dataclass(frozen=True)
class Reply:
    """What an HTTP client sees."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def ask(
    address: str,
    path: str,
    *,
    method: str = "GET",
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """One request on a connection of its own; nothing is unpacked."""
    connection = http.client.HTTPConnection(address, timeout=30)
    try:
        connection.request(method, path, body, dict(headers or {}))
        answer = connection.getresponse()
        names = {name.lower(): value for name, value in answer.getheaders()}
        return Reply(answer.status, names, answer.read())
    finally:
        connection.close()
