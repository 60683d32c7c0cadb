"""Clients that keep to the protocol and mean harm, or have died: what they hold must end."""

from __future__ import annotations

import asyncio
import gc
import weakref
from contextlib import suppress

import pytest

from serving.sockets import frames
from serving.sockets.frames import ErrorCode
from serving.sockets.limits import Limits
from tests.serving.sockets.clients import WAIT_S, H2Client, echo, served, whole_body
from tests.serving.sockets.test_http1 import CLOSE, post, said
from tests.serving.sockets.test_http2 import goaway_code, raw, request

IMPATIENT = Limits(headers_s=0.05, stall_s=0.05, unread_s=0.2, quiet_s=0.1)
BIG = bytes(64 * 1024)
WIDE = frames.encode_settings([(frames.INITIAL_WINDOW_SIZE, frames.MAX_WINDOW)])
HTTP2 = frames.PREFACE + WIDE + frames.encode_window_update(0, 2**31 - 70_000)


def http2_requests(batch: int) -> bytes:
    first = 200 * batch + 1
    return b"".join(request(number) for number in range(first, first + 200, 2))


@pytest.mark.parametrize(
    ("hello", "requests"),
    [
        pytest.param(HTTP2, http2_requests, id="http/2"),
        pytest.param(b"", lambda _: post(b"") * 100, id="http/1.1"),
    ],
)
async def test_a_client_that_asks_and_never_reads_is_not_heard_and_then_cut(hello, requests):
    begun = 0
    news = asyncio.Event()

    async def app(scope, receive, send) -> None:
        nonlocal begun
        begun += 1
        news.set()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": BIG})

    async with served(app, Limits(unread_s=0.3)) as (server, port):
        _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(hello)
        async with asyncio.timeout(WAIT_S):
            for batch in range(50):
                writer.write(requests(batch))
                while begun < 100 * (batch + 1) and not (begun and server._all_gone.is_set()):
                    news.clear()
                    waits = [
                        asyncio.ensure_future(each.wait()) for each in (news, server._all_gone)
                    ]
                    await asyncio.wait(waits[: 2 if begun else 1], return_when="FIRST_COMPLETED")
                    for each in waits:
                        each.cancel()
        assert server._all_gone.is_set()
        assert begun < 50 * 100
        writer.transport.abort()


async def test_an_answer_that_nobody_takes_does_not_outlive_the_end():
    async def app(scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": BIG * 1000})

    async with served(app, Limits(unread_s=0.2)) as (server, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(post(b"", CLOSE))
        await reader.readexactly(100)
        async with asyncio.timeout(WAIT_S):
            await server._all_gone.wait()
        writer.transport.abort()


async def test_streams_that_go_nowhere_are_given_up_and_conversations_are_not():
    async def app(scope, receive, send) -> None:
        if scope["path"] == "/talk":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"hi", "more_body": True})
            await send({"type": "http.response.body", "body": await whole_body(receive)})
        else:
            await echo(scope, receive, send)

    async with served(app, IMPATIENT) as (_, port):
        client = await H2Client.connect(port)
        talk = client.begin("/talk", end=False)
        half = client.begin(end=False)
        client.h2.send_data(half, b"half of it")
        client.flush()
        for number in (half, client.begin(end=False)):
            assert (await client.answer(number)).reset == ErrorCode.CANCEL
        await client.send_all(talk, b" there")
        assert (await client.answer(talk)).body == b"hi there"
        client.close()


async def test_an_answer_without_a_window_is_given_up():
    async with served(echo, IMPATIENT) as (_, port):
        client = await H2Client.connect(port)
        client.h2.update_settings({frames.INITIAL_WINDOW_SIZE: 0})
        number = client.begin(end=False)
        client.h2.send_data(number, b"held", end_stream=True)
        client.flush()
        assert (await client.answer(number)).reset == ErrorCode.CANCEL
        client.close()


async def test_a_quiet_connection_is_asked_to_come_anew_and_a_mute_one_is_cut():
    async with served(echo, IMPATIENT) as (_, port):
        client = await H2Client.connect(port)
        await client.end()
        assert client.goaway == ErrorCode.NO_ERROR
        client.close()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(frames.PREFACE)
        async with asyncio.timeout(WAIT_S):
            await reader.read()
        writer.close()


async def test_settings_that_say_the_same_thing_ten_thousand_times_end_the_connection():
    async with served(echo) as (_, port):
        data = frames.encode_settings([(frames.INITIAL_WINDOW_SIZE, 1)] * 10_000)
        assert goaway_code(await raw(port, data)) == ErrorCode.ENHANCE_YOUR_CALM


async def test_credit_that_a_reset_stream_was_woken_for_goes_to_the_next():
    async with served(echo) as (_, port):
        client = await H2Client.connect(port)
        client.acknowledges = False
        filler = client.begin(end=False)
        await client.send_all(filler, bytes(frames.DEFAULT_WINDOW - 1))
        await client.answer(filler)
        first, second = client.begin(end=False), client.begin(end=False)
        for number in (first, second):
            client.h2.send_data(number, b"12", end_stream=True)
        client.flush()
        while not all(client.answers[number].headers for number in (first, second)):
            await client.hear()
        client.h2.increment_flow_control_window(2)
        client.h2.reset_stream(first)
        client.flush()
        assert (await client.answer(second)).body == b"12"
        client.close()


async def headers_back(scope, receive, send) -> None:
    """Answers with the names of the headers it was sent."""
    await whole_body(receive)
    names = b" ".join(name for name, _ in scope["headers"])
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": names})


CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n"


async def test_trailers_of_a_request_are_not_taken_for_its_headers():
    async with served(headers_back) as (_, port):
        answer = await said(port, CHUNKED + b"X-User: root\r\n\r\n" + post(b"", CLOSE))
    assert b"host transfer-encoding\r\n" in answer
    assert b"x-user" not in answer


async def test_a_trailer_or_a_chunk_without_an_end_is_refused():
    async with served(echo) as (_, port):
        for endless in (CHUNKED + b"x: ", CHUNKED[:-3] + b"1;"):
            # Whoever has not begun to answer is told; here the application is at work already.
            with suppress(ConnectionResetError):
                assert await said(port, endless + b"y" * 5_000_000) == b""


async def test_headers_that_come_in_two_pieces_count_no_body():
    whole = post(bytes(200_000), CLOSE)
    async with served(echo) as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(post(b"one") + whole[:20])
        assert (await reader.readuntil(b"one")).startswith(b"HTTP/1.1 200")
        writer.write(whole[20:])
        async with asyncio.timeout(WAIT_S):
            assert (await reader.read()).startswith(b"HTTP/1.1 200")
        writer.close()


async def test_a_refusal_reaches_a_client_that_is_still_sending():
    async def app(scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": 413, "headers": []})
        await send({"type": "http.response.body", "body": b"too long"})

    async with served(app) as (_, port):
        answer = await said(port, post(bytes(8 * 1024 * 1024)))
    assert answer.startswith(b"HTTP/1.1 413")


async def test_a_line_break_in_an_answers_header_sends_nothing(caplog):
    async def app(scope, receive, send) -> None:
        headers = [(b"x-name", b"a\r\nset-cookie: b")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    async with served(app) as (_, port):
        assert await said(port, post(b"")) == b""
    assert "a header with a line break in it" in caplog.text


async def test_a_connection_that_ended_is_not_kept_until_it_would_have_been_old():
    links = []

    async def app(scope, receive, send) -> None:
        links.append(weakref.ref(receive.__self__._link))
        await echo(scope, receive, send)

    async with served(app, Limits(max_age_s=3600)) as (server, port):
        await said(port, post(b"", CLOSE))
        await server._all_gone.wait()
        await asyncio.get_running_loop().run_in_executor(None, gc.collect)
        assert links[0]() is None


@pytest.mark.parametrize("size", [5, 300_000])
async def test_a_wish_to_speak_another_protocol_costs_no_body(size):
    body = b"b" * size
    wish = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n"
    async with served(echo) as (_, port):
        answer = await said(port, post(body, wish) + post(b"next", CLOSE))
        assert answer.count(body) == 1
        assert answer.endswith(b"next")
        refused = await said(port, b"CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\n\r\n")
        assert refused.startswith(b"HTTP/1.1 501")
