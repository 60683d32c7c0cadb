"""HTTP/1.1 connections, byte for byte, and with the standard library's client."""

from __future__ import annotations

import asyncio
import http.client
import json
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from serving.sockets.limits import Limits
from tests.serving.sockets.clients import WAIT_S, echo, served, whole_body

CLOSE = b"Connection: close\r\n"


async def said(port: int, data: bytes, *, ends: bool = False) -> bytes:
    """Everything the server says to *data* until it closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    if ends:
        writer.write_eof()
    try:
        async with asyncio.timeout(WAIT_S):
            return await reader.read()
    finally:
        writer.close()


def post(body: bytes, more: bytes = b"") -> bytes:
    return b"POST /p HTTP/1.1\r\nHost: x\r\n%sContent-Length: %d\r\n\r\n%s" % (
        more,
        len(body),
        body,
    )


async def test_a_request_is_answered_and_the_connection_stays_for_the_next():
    async with served(echo) as (_, port):

        def two_requests() -> list[tuple[int, bytes, str]]:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT_S)
            answers = []
            for path, body in (("/a%20b?x=y", b"one"), ("/", b"")):
                connection.request("POST", path, body)
                response = connection.getresponse()
                answers.append((response.status, response.read(), response.headers["x-path"]))
                assert connection.sock is not None, "it was closed"
            connection.close()
            return answers

        answers = await asyncio.to_thread(two_requests)
    assert answers == [(200, b"one", "/a b"), (200, b"", "/")]


async def test_requests_sent_ahead_are_answered_in_order():
    bodies = [b"%d" % number * 1000 for number in range(40)]
    async with served(echo) as (_, port):
        data = b"".join(post(body) for body in bodies) + post(b"last", CLOSE)
        answer = await said(port, data)
    assert [part.split(b"\r\n\r\n")[1] for part in answer.split(b"HTTP/1.1 ")[1:]] == [
        *bodies,
        b"last",
    ]


@given(
    bodies=st.lists(st.binary(max_size=50), min_size=1, max_size=4),
    cuts=st.lists(st.integers(0, 10**6), max_size=8),
)
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
def test_requests_are_the_same_however_the_bytes_arrive(bodies, cuts):
    data = b"".join(post(body) for body in bodies) + post(b"end", CLOSE)
    edges = [0, *sorted(cut % len(data) for cut in cuts), len(data)]

    async def exchange() -> bytes:
        async with served(echo) as (_, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            for index in range(len(edges) - 1):
                writer.write(data[edges[index] : edges[index + 1]])
                await writer.drain()
            async with asyncio.timeout(WAIT_S):
                answer = await reader.read()
            writer.close()
            return answer

    assert bodies_in(asyncio.run(exchange())) == [*bodies, b"end"]


def bodies_in(answers: bytes) -> list[bytes]:
    """Of answers that follow each other; a body may look like the head of one."""
    found = []
    while answers:
        head, _, rest = answers.partition(b"\r\n\r\n")
        length = int(re.search(rb"content-length: (\d+)", head)[1])
        found.append(rest[:length])
        answers = rest[length:]
    return found


async def test_a_chunked_request_and_a_chunked_answer():
    async def app(scope, receive, send) -> None:
        body = await whole_body(receive)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body", "body": b"!", "more_body": False})

    request = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n" + CLOSE
    async with served(app) as (_, port):
        answer = await said(port, request + b"\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"transfer-encoding: chunked" in head
    assert body == b"5\r\nabcde\r\n1\r\n!\r\n0\r\n\r\n"


async def test_an_old_client_is_told_the_end_by_the_close():
    async def app(scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"as long as it is"})

    async with served(app) as (_, port):
        answer = await said(port, b"GET / HTTP/1.0\r\n\r\n")
    assert answer.endswith(b"\r\n\r\nas long as it is")
    assert b"connection: close" in answer


async def test_a_client_that_waits_for_leave_to_send_its_body_gets_it():
    async with served(echo) as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head, _, body = post(b"body", CLOSE + b"Expect: 100-continue\r\n").partition(b"\r\n\r\n")
        writer.write(head + b"\r\n\r\n")
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(body)
        assert (await reader.read()).endswith(b"\r\n\r\nbody")
        writer.close()


async def test_a_head_request_has_headers_and_no_body():
    async with served(echo) as (_, port):
        answer = await said(port, post(b"body", CLOSE).replace(b"POST", b"HEAD"))
    assert b"content-length: 4" in answer
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"400"),
        (b"GET / HTTP/9.9\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nhost: y\r\n\r\n", b"400"),
        (b"GET / HTTP/1.0\r\nHost: x\r\nhost: x\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nx: " + b"y" * 70_000 + b"\r\n\r\n", b"431"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nendless: " + b"y" * 300_000, b"431"),
        (b"GET /" + b"y" * 70_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"431"),
    ],
)  # fmt: skip
async def test_what_is_no_request_is_refused_with_a_reason(data, status):
    async with served(echo) as (_, port):
        answer = await said(port, data)
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.split()[1] == status
        assert json.loads(body)["error"].startswith("not an HTTP request: ")


async def test_a_request_without_host_is_told_what_it_lacks_unless_it_is_an_old_one():
    async with served(echo) as (_, port):
        assert b"needs one Host header, and there are 0" in await said(
            port, b"GET / HTTP/1.1\r\n\r\n"
        )
        assert (await said(port, b"GET / HTTP/1.0\r\n\r\n")).startswith(b"HTTP/1.1 200 ")


@given(st.binary(min_size=1, max_size=200))
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
def test_no_bytes_at_all_bring_the_server_down(data):
    async def exchange() -> bytes:
        async with served(echo) as (_, port):
            await said(port, data, ends=True)
            await said(port, post(b"x") + data, ends=True)
            return await said(port, post(b"alive", CLOSE))

    assert asyncio.run(exchange()).endswith(b"alive")


SHORT = Limits(headers_s=0.05, idle_s=0.05, stall_s=0.05)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PRI * HTTP",
        b"GET / HTTP/1.1\r\nHost: x\r\nSlow",
        post(b"first"),
        post(b"all of it")[:-3],
    ],
)
async def test_a_client_that_says_no_more_is_closed(data):
    async with served(echo, SHORT) as (_, port):
        await said(port, data)  # returns when the server has closed


async def test_a_client_that_only_reads_on_gets_its_answer():
    async with served(echo) as (_, port):
        assert (await said(port, post(b"half closed"), ends=True)).endswith(b"half closed")


async def test_a_client_that_goes_is_a_disconnect():
    heard: asyncio.Queue[str] = asyncio.Queue()

    async def app(scope, receive, send) -> None:
        await whole_body(receive)
        heard.put_nowait("begun")
        heard.put_nowait((await receive())["type"])

    async with served(app) as (_, port):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(post(b"x"))
        assert await heard.get() == "begun"
        writer.close()
        assert await heard.get() == "http.disconnect"


async def test_half_an_answer_is_not_ended_as_if_it_were_whole(caplog):
    async def app(scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise ValueError("on purpose")

    async with served(app) as (_, port):
        answer = await said(port, post(b""))
    assert not answer.endswith(b"0\r\n\r\n")
    assert "the application failed at /p" in caplog.text


async def test_a_slow_reader_holds_its_answer_back_and_nobody_else():
    size = 64 * 1024 * 1024
    sent = 0

    async def app(scope, receive, send) -> None:
        nonlocal sent
        if scope["method"] == "POST":
            await echo(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(size // 65536):
            await send({"type": "http.response.body", "body": bytes(65536), "more_body": True})
            sent += 65536
        await send({"type": "http.response.body", "body": b""})

    async with served(app) as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readexactly(100)
        assert (await said(port, post(b"quick", CLOSE))).endswith(b"quick")
        assert sent < size
        writer.transport.abort()
