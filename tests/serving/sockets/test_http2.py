"""HTTP/2 connections against the h2 library, which knows what is allowed."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from serving.sockets import frames
from serving.sockets.budget import Budget
from serving.sockets.frames import ErrorCode
from serving.sockets.limits import Limits
from tests.serving.sockets.clients import Answer, H2Client, echo, served, whole_body

SMALL = Limits(window_bytes=70_000, stream_window_bytes=66_000)


async def asked(client: H2Client, body: bytes = b"", path: str = "/") -> Answer:
    number = client.begin(path, end=False)
    await client.send_all(number, body)
    return await client.answer(number)


async def test_a_request_is_answered_with_its_own_body():
    async with served(echo) as (_, port):
        client = await H2Client.connect(port)
        answer = await asked(client, b"hello", "/a%20b?x=y")
        assert (answer.headers[b":status"], answer.headers[b"x-path"]) == (b"200", b"/a b")
        assert (answer.body, answer.reset) == (b"hello", None)
        client.close()


@pytest.mark.parametrize("limits", [Limits(), SMALL])
async def test_bodies_longer_than_every_window_pass_both_ways(limits):
    body = bytes(range(256)) * 4096
    async with served(echo, limits) as (_, port):
        client = await H2Client.connect(port)
        for _ in range(3):
            assert (await asked(client, body)).body == body
        client.close()


async def test_many_streams_at_once_get_their_own_answers():
    async with served(echo) as (_, port):
        client = await H2Client.connect(port)
        numbers = [client.begin(f"/{index}", end=False) for index in range(90)]
        for index, number in enumerate(numbers):
            client.h2.send_data(number, b"%d" % index * 7, end_stream=True)
        client.flush()
        for index, number in enumerate(numbers):
            answer = await client.answer(number)
            assert answer.body == b"%d" % index * 7
            assert answer.headers[b"x-path"] == b"/%d" % index
        client.close()


@given(
    sizes=st.lists(st.integers(0, 3000), min_size=1, max_size=12),
    window=st.integers(0, 2000),
    frame_bytes=st.integers(16_384, 20_000),
)
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
def test_answers_are_whole_whatever_windows_the_client_opens(sizes, window, frame_bytes):
    async def exchange() -> None:
        async with served(echo) as (_, port):
            client = await H2Client.connect(port)
            client.h2.update_settings({
                frames.INITIAL_WINDOW_SIZE: window, frames.MAX_FRAME_SIZE: frame_bytes,
            })  # fmt: skip
            client.acknowledges = False
            bodies = {
                client.begin(end=False): bytes([n % 256]) * size for n, size in enumerate(sizes)
            }
            for number, body in bodies.items():
                client.h2.send_data(number, body, end_stream=True)
            client.flush()
            client.h2.increment_flow_control_window(50_000)
            for number in bodies:
                if not client.answers[number].is_done:
                    client.h2.increment_flow_control_window(4000, number)
                client.flush()
            for number, body in bodies.items():
                assert (await client.answer(number)).body == body
            client.close()

    asyncio.run(exchange())


async def test_trailers_follow_the_body_and_a_lone_head_ends_the_stream():
    async def app(scope, receive, send) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": [(b"A", b"b")]}
        if scope["path"] == "/lone":
            await send(start)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        await send({**start, "trailers": True})
        await send({"type": "http.response.body", "body": b"one", "more_body": True})
        await send({"type": "http.response.body", "body": b"two", "more_body": False})
        await send({"type": "http.response.trailers", "headers": [(b"grpc-status", b"0")]})

    async with served(app) as (_, port):
        client = await H2Client.connect(port)
        answer = await client.answer(client.begin("/"))
        assert (answer.body, answer.trailers) == (b"onetwo", {b"grpc-status": b"0"})
        lone = await client.answer(client.begin("/lone"))
        assert (lone.headers[b"a"], lone.body, lone.trailers) == (b"b", b"", {})
        client.close()


async def test_a_reset_reaches_the_application_as_a_disconnect():
    heard: asyncio.Queue[str] = asyncio.Queue()

    async def app(scope, receive, send) -> None:
        await whole_body(receive)
        heard.put_nowait("begun")
        heard.put_nowait((await receive())["type"])
        with pytest.raises(OSError, match="went away"):
            await send({"type": "http.response.start", "status": 200, "headers": []})
        heard.put_nowait("refused")

    async with served(app) as (_, port):
        client = await H2Client.connect(port)
        number = client.begin()
        assert await heard.get() == "begun"
        client.h2.reset_stream(number)
        client.flush()
        assert [await heard.get(), await heard.get()] == ["http.disconnect", "refused"]
        client.close()


async def test_an_answer_before_the_body_ends_stops_the_upload():
    async def app(scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": 413, "headers": []})
        await send({"type": "http.response.body", "body": b"too long"})

    async with served(app, SMALL) as (_, port):
        client = await H2Client.connect(port)
        number = client.begin(end=False)
        client.h2.send_data(number, b"x" * 1000)
        client.flush()
        answer = await client.answer(number)
        assert (answer.headers[b":status"], answer.body) == (b"413", b"too long")
        assert (await asked(client)).body == b"too long"
        client.close()


async def test_an_application_that_fails_resets_its_stream_alone(caplog):
    async def app(scope, receive, send) -> None:
        if scope["path"] == "/bad":
            raise ValueError("on purpose")
        await echo(scope, receive, send)

    async with served(app) as (_, port):
        client = await H2Client.connect(port)
        assert (await client.answer(client.begin("/bad"))).reset == ErrorCode.INTERNAL_ERROR
        assert (await asked(client, b"still here")).body == b"still here"
        client.close()
    assert "the application failed at /bad" in caplog.text


async def test_streams_beyond_the_limit_are_refused_and_a_reset_is_no_way_round():
    release = asyncio.Event()

    async def app(scope, receive, send) -> None:
        await release.wait()
        await echo(scope, receive, send)

    async with served(app, Limits(streams=2)) as (_, port):
        client = await H2Client.connect(port)
        assert await client.hear()
        first, second = client.begin(), client.begin()
        client.h2.reset_stream(first)
        client.flush()
        third = client.begin()
        assert (await client.answer(third)).reset == ErrorCode.REFUSED_STREAM
        release.set()
        assert (await client.answer(second)).reset is None
        assert (await asked(client, b"again")).body == b"again"
        client.close()


async def raw(port: int, data: bytes) -> bytes:
    """Everything the server says to *data* until it closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(frames.PREFACE + frames.encode_settings([]) + data)
    async with asyncio.timeout(20):
        said = await reader.read()
    writer.close()
    return said


def goaway_code(said: bytes) -> int:
    """The error code of the GOAWAY frame in *said*."""
    (payload,) = [payload for kind, _, payload in split(said) if kind == frames.GOAWAY]
    return int.from_bytes(payload[4:8], "big")


GET = frames.encode_headers(((b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/")), None)


def request(number: int, flags: int = frames.END_STREAM) -> bytes:
    return frames.header_frames(number, GET, flags, 16_384)


def repeated(frame: bytes) -> bytes:
    return frame * (Budget.FULL + 100)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        pytest.param(frames.encode_frame(frames.DATA, 0, 1, b"x"), 1, id="data without a stream"),
        pytest.param(frames.encode_frame(frames.DATA, 0, 0, b"x"), 1, id="data on stream 0"),
        pytest.param(request(2), 1, id="an even stream"),
        pytest.param(frames.encode_frame(frames.PUSH_PROMISE, 4, 1, b""), 1, id="a push"),
        pytest.param(frames.encode_frame(frames.PING, 0, 0, b"short"), 1, id="a short ping"),
        pytest.param(frames.encode_frame(frames.SETTINGS, 0, 0, b"odd"), 6, id="odd settings"),
        pytest.param(frames.encode_settings([(4, 2**31)]), 3, id="a window of 2 GiB"),
        pytest.param(frames.encode_settings([(5, 10)]), 1, id="tiny frames"),
        pytest.param(frames.encode_window_update(0, 0), 1, id="a credit of nothing"),
        pytest.param(frames.encode_window_update(0, 2**31 - 1), 3, id="credit without end"),
        pytest.param(frames.encode_reset(7, ErrorCode.NO_ERROR), 1, id="a reset of nothing"),
        pytest.param(
            frames.encode_frame(frames.HEADERS, frames.END_HEADERS, 1, b"\xff\xff\xff\xff"), 9,
            id="a damaged block",
        ),
        pytest.param(repeated(frames.encode_frame(frames.PING, 0, 0, bytes(8))), 11, id="pings"),
        pytest.param(repeated(frames.encode_settings([])), 11, id="settings"),
        pytest.param(repeated(frames.encode_frame(99, 0, 0)), 11, id="unknown frames"),
        pytest.param(
            request(1, 0) + repeated(frames.encode_frame(frames.DATA, 0, 1)), 11, id="empty data"
        ),
    ],
)  # fmt: skip
async def test_what_breaks_the_protocol_is_told_and_others_are_served(data, code):
    async with served(echo) as (_, port):
        other = await H2Client.connect(port)
        assert goaway_code(await raw(port, data)) == code
        assert (await asked(other, b"unharmed")).body == b"unharmed"
        other.close()


async def test_requests_that_are_reset_at_once_end_the_connection_in_time():
    begun = 0

    async def app(scope, receive, send) -> None:
        nonlocal begun
        begun += 1
        await receive()

    flood = b"".join(
        request(number) + frames.encode_reset(number, ErrorCode.NO_ERROR)
        for number in range(1, 6 * Budget.FULL, 2)
    )
    async with served(app, Limits(streams=100)) as (_, port):
        assert goaway_code(await raw(port, flood)) == ErrorCode.ENHANCE_YOUR_CALM
    assert begun <= Budget.FULL


async def test_more_data_than_the_window_ends_the_connection():
    async def app(scope, receive, send) -> None:
        await asyncio.Event().wait()

    data = request(1, 0) + frames.encode_frame(frames.DATA, 0, 1, bytes(16_384)) * 6
    async with served(app, SMALL) as (server, port):
        assert goaway_code(await raw(port, data)) == ErrorCode.FLOW_CONTROL_ERROR
        for connection in tuple(server._connections):
            connection.abort()


@given(
    st.lists(
        st.tuples(
            st.integers(0, 12), st.integers(0, 255), st.integers(0, 9), st.binary(max_size=30)
        ),
        max_size=25,
    )
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_no_frames_at_all_bring_the_server_down(sent):
    async def exchange() -> None:
        data = b"".join(frames.encode_frame(*frame) for frame in sent)
        async with served(echo) as (_, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(frames.PREFACE + frames.encode_settings([]) + request(1) + data)
            writer.write_eof()
            async with asyncio.timeout(20):
                await reader.read()
            writer.close()
            client = await H2Client.connect(port)
            assert (await asked(client, b"alive")).body == b"alive"
            client.close()

    asyncio.run(exchange())


async def test_leaving_lets_requests_finish_and_refuses_new_connections():
    begun, release = asyncio.Event(), asyncio.Event()

    async def app(scope, receive, send) -> None:
        begun.set()
        await release.wait()
        await echo(scope, receive, send)

    async with served(app) as (server, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        last_words = frames.encode_frame(frames.DATA, frames.END_STREAM, 1, b"last words")
        writer.write(frames.PREFACE + frames.encode_settings([]) + request(1, 0) + last_words)
        await begun.wait()
        closing = asyncio.create_task(server.close(20))
        said = b""
        while not (goaways := [f for f in split(said) if f[0] == frames.GOAWAY]):
            said += await reader.read(4096)
        assert int.from_bytes(goaways[0][2][:4], "big") == frames.MAX_STREAM
        with pytest.raises(OSError):  # noqa: PT011 - refused or reset
            await asyncio.open_connection("127.0.0.1", port)
        (ping,) = [payload for kind, _, payload in split(said) if kind == frames.PING]
        writer.write(frames.encode_frame(frames.PING, frames.ACK, 0, ping) + request(3))
        while not any(kind == frames.RST_STREAM for kind, _, _ in split(said)):
            said += await reader.read(4096)
        release.set()
        said += await reader.read()
        found = split(said)
        assert (frames.DATA, 1, b"last words") in found
        assert [number for kind, number, _ in found if kind == frames.RST_STREAM] == [3]
        assert [f for f in found if f[0] == frames.GOAWAY][-1][2][:4] == (1).to_bytes(4, "big")
        await closing
        writer.close()


def split(said: bytes) -> list[tuple[int, int, bytes]]:
    """Kind, stream and payload of each whole frame."""
    found = []
    at = 0
    while len(said) - at >= 9 and len(said) - at >= 9 + int.from_bytes(said[at : at + 3], "big"):
        end = at + 9 + int.from_bytes(said[at : at + 3], "big")
        found.append(
            (said[at + 3], int.from_bytes(said[at + 5 : at + 9], "big"), said[at + 9 : end])
        )
        at = end
    return found


async def test_what_does_not_finish_in_time_is_cut():
    async def app(scope, receive, send) -> None:
        await receive()
        assert (await receive())["type"] == "http.disconnect"

    async with served(app) as (server, port):
        client = await H2Client.connect(port)
        client.begin()
        assert await client.hear()
        await server.close(0.05)
        client.close()


async def test_an_old_connection_is_asked_to_come_anew():
    async with served(echo, Limits(max_age_s=0.05)) as (_, port):
        client = await H2Client.connect(port)
        assert (await asked(client, b"x")).body == b"x"
        await client.end()
        assert client.goaway == ErrorCode.NO_ERROR
        client.close()
