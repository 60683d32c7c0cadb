"""Who comes together knows of each other, before the first of them is answered."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from serving.sockets.entrance import Arrivals, Entrance, News
from serving.sockets.limits import Limits
from serving.sockets.server import SocketServer
from tests.serving.sockets.clients import H2Client, whole_body


class Asked:
    """An application that notes of each request, once it has it, whether others are to follow."""

    def __init__(self) -> None:
        self.arrivals = Arrivals()
        self.entered = asyncio.Semaphore(0)
        self.saw: list[bool] = []

    async def __call__(self, scope, receive, send) -> None:
        self.entered.release()
        await whole_body(receive)
        self.saw.append(self.arrivals.are_there())
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


@asynccontextmanager
async def asked() -> AsyncIterator[tuple[Asked, int]]:
    app, sock = Asked(), socket.create_server(("127.0.0.1", 0))
    server = SocketServer(app, Limits(), app.arrivals)
    server.listen(sock)
    try:
        yield app, sock.getsockname()[1]
    finally:
        await server.close(5.0)
    assert app.arrivals.count == 0


async def test_each_but_the_last_to_enter_sees_that_others_follow():
    app = Asked()
    entrance = Entrance(app, app.arrivals)

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(event) -> None:
        pass

    async def work() -> None:
        await entrance.enter({}, receive, send)

    await asyncio.gather(*(entrance.begin(work()) for _ in range(3)))
    assert app.saw == [True, True, False]


async def test_streams_of_one_segment_come_together():
    async with asked() as (app, port):
        client = await H2Client.connect(port)
        await client.answer(client.begin())
        numbers = [client.begin_later() for _ in range(3)]
        client.flush()
        for number in numbers:
            await client.answer(number)
        client.close()
    assert app.saw == [False, True, True, False]


async def test_those_whose_bodies_come_later_come_together_with_these():
    async with asked() as (app, port):
        client = await H2Client.connect(port)
        numbers = [client.begin(end=False) for _ in range(3)]
        for _ in numbers:
            await app.entered.acquire()
        for number in numbers:
            client.h2.send_data(number, b"body", end_stream=True)
        client.flush()
        for number in numbers:
            await client.answer(number)
        client.close()
    assert app.saw == [True, True, False]


async def test_whoever_is_cancelled_while_it_waits_is_counted_no_more():
    arrivals = Arrivals()
    news = News(arrivals)
    waiting = [asyncio.create_task(news.wait()) for _ in range(2)]
    await asyncio.sleep(0)
    news.tell()
    assert arrivals.are_there()
    for task in waiting:
        task.cancel()
    await asyncio.wait(waiting)
    assert not arrivals.are_there()


async def test_a_request_over_http1_comes_alone():
    async with asked() as (app, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(2):
            writer.write(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n")
            await app.entered.acquire()
            writer.write(b"ab")
            await reader.readuntil(b"\r\n\r\n")
        writer.close()
    assert app.saw == [False, False]
