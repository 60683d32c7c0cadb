"""Hostile and broken clients on real sockets: others are served, and nothing is left behind."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, suppress
from http.client import HTTPResponse
from pathlib import Path

import grpc
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from serving.services.http import HttpRequest, HttpResponse
from serving.services.methods import BidiStream, Call, Unary
from serving.transport.grpc_frames import encode_frame
from serving.transport.options import Options
from tests.serving.transport.apps import RunningApp, ask, running_app

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS = b"\0\0\0\x04\0\0\0\0\0"
HEADERS = 1
PATIENCE_S = 20.0


async def echo(request: bytes, call: Call) -> bytes:
    return request


async def echo_each(requests: AsyncIterator[bytes], call: Call) -> AsyncIterator[bytes]:
    async for message in requests:
        yield message


async def page(request: HttpRequest, call: Call) -> HttpResponse:
    return HttpResponse(request.body)


@pytest.fixture(scope="module")
def running():
    methods = {"/t.T/Echo": Unary(echo), "/t.T/Each": BidiStream(echo_each)}
    options = Options(max_message_bytes=1_000_000, http_timeout_s=0.5)
    with running_app(methods, {"page": page}, options) as running:
        yield running


@pytest.fixture(autouse=True)
def nothing_is_left(running: RunningApp):
    """After each test: others are still served, no call is open, no socket is."""
    assert_serves(running)
    before = open_files()
    yield
    assert_serves(running)
    assert_soon(lambda: running.app.in_flight == 0, "a call is still open")
    assert_soon(lambda: open_files() <= before, "a socket is still open")


def assert_serves(running: RunningApp) -> None:
    assert ask(running.address, "/page", method="POST", body=b"x").body == b"x"
    options = [("grpc.use_local_subchannel_pool", 1)]
    with grpc.insecure_channel(running.address, options) as channel:
        assert channel.unary_unary("/t.T/Echo")(b"x", timeout=30) == b"x"


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def assert_soon(is_so: Callable[[], bool], otherwise: str) -> None:
    end = time.monotonic() + PATIENCE_S
    pause = threading.Event()
    while not is_so():
        assert time.monotonic() < end, otherwise
        pause.wait(0.02)


def connect(running: RunningApp) -> socket.socket:
    return socket.create_connection(running.place, timeout=PATIENCE_S)


def reset(connection: socket.socket) -> None:
    """Close with RST, as a process that dies with unread bytes does."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def read_all(connection: socket.socket) -> bytes:
    """What the server says until it ends the connection, or the client's patience ends."""
    parts = []
    with suppress(ConnectionError):
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts)


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """One frame of HTTP/2."""
    head = len(payload).to_bytes(3, "big") + bytes([kind, flags])
    return head + stream.to_bytes(4, "big") + payload


def literal(name: bytes, value: bytes) -> bytes:
    """A header field that HPACK neither knows nor keeps."""
    return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value


GRPC_HEADERS = b"".join(
    literal(*each)
    for each in (
        (b":method", b"POST"), (b":scheme", b"http"), (b":path", b"/t.T/Echo"),
        (b":authority", b"x"), (b"content-type", b"application/grpc"), (b"te", b"trailers"),
    )
)  # fmt: skip
BEGUN = PREFACE + SETTINGS + frame(1, 4, 1, GRPC_HEADERS)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300), st.sampled_from([b"", PREFACE, PREFACE + SETTINGS, BEGUN]))
@example(b"\x16\x03\x01\x02\x00\x01", b"")
@example(b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", b"")
@example(b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc", b"")
@example(frame(1, 4, 0, GRPC_HEADERS), PREFACE + SETTINGS)
@example(frame(0, 0, 5, b"x"), PREFACE + SETTINGS)
@example(frame(8, 0, 0, b"\xff\xff\xff\xff"), PREFACE + SETTINGS)
@example(b"\xff\xff\xff" + bytes(6), PREFACE + SETTINGS)
def test_any_bytes_harm_nobody(running: RunningApp, junk: bytes, begin: bytes):
    with connect(running) as connection, suppress(ConnectionError):
        connection.sendall(begin + junk)
        connection.shutdown(socket.SHUT_WR)
    assert ask(running.address, "/page", method="POST", body=b"x").status == 200


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60))
@example(encode_frame(b"right"))
def test_any_body_of_a_call_has_an_answer(running: RunningApp, body: bytes):
    with connect(running) as connection:
        connection.sendall(BEGUN + frame(0, 1, 1, body))
        kinds = [kind for kind, flags, stream in frames_of(connection) if stream == 1]
    # Headers first and, when there was a message, data before the trailers.
    assert kinds in ([HEADERS], [HEADERS, 0], [HEADERS, 0, HEADERS])


def frames_of(connection: socket.socket) -> Iterator[tuple[int, int, int]]:
    """Kind, flags and stream of each frame until stream 1 is ended."""
    reader = connection.makefile("rb")
    while head := reader.read(9):
        kind, flags, stream = head[3], head[4], int.from_bytes(head[5:], "big")
        reader.read(int.from_bytes(head[:3], "big"))
        yield kind, flags, stream
        if stream == 1 and kind in (0, HEADERS) and flags & 1:
            break
    reader.close()


@pytest.mark.parametrize("how", [socket.socket.close, reset], ids=["closed", "reset"])
@pytest.mark.parametrize(
    "beginning",
    [
        b"POST /page HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nabc",
        b"POST /page HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"POST /page HTTP/1.1\r\nHo",
        BEGUN,
        BEGUN + frame(0, 0, 1, encode_frame(b"x" * 1000)[:100]),
    ],
    ids=["body", "chunks", "head", "grpc", "grpc body"],
)
def test_clients_that_die_within_a_request_leave_nothing(running: RunningApp, beginning, how):
    for _ in range(20):
        connection = connect(running)
        connection.sendall(beginning)
        how(connection)


@pytest.mark.parametrize("body", [b"", b"abc"])
def test_a_slow_body_is_ended_by_the_time_for_a_request(running: RunningApp, body: bytes):
    with connect(running) as connection:
        connection.sendall(b"POST /page HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n" + body)
        with HTTPResponse(connection) as answer:
            answer.begin()
            assert answer.status == 504
            assert b"before the whole request came" in answer.read()


def test_a_hundred_slow_clients_keep_nobody_waiting(running: RunningApp):
    with ExitStack() as stack:
        for beginning in (b"GET /page HTTP/1.1\r\nHost:", PREFACE[:10], b"", BEGUN):
            for _ in range(25):
                stack.enter_context(connect(running)).sendall(beginning)
        assert_serves(running)


def test_a_client_that_ends_its_half_still_gets_its_answer(running: RunningApp):
    with connect(running) as connection:
        connection.sendall(b"POST /page HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc")
        connection.shutdown(socket.SHUT_WR)
        assert read_all(connection).endswith(b"abc")


@pytest.mark.parametrize(
    "head",
    [
        b"X: " + b"y" * 2_000_000,
        b"\r\n".join(b"X-%d: y" % number for number in range(5000)),
        b"X y",
        b"X: \0",
    ],
    ids=["long", "many", "no colon", "zero"],
)
def test_a_head_that_cannot_be_read_is_the_clients_mistake(running: RunningApp, head: bytes):
    with connect(running) as connection:
        with suppress(ConnectionError):
            connection.sendall(b"GET /page HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n\r\n")
        answer = read_all(connection)
    assert answer[:12] in (b"", b"HTTP/1.1 400", b"HTTP/1.1 431", b"HTTP/1.1 413")


def test_a_client_that_reads_nothing_does_not_hold_the_others_up(running: RunningApp):
    """Answers that nobody takes wait in the sockets; the calls of others go on."""
    messages = (b"x" * 900_000 for _ in range(40))
    with grpc.insecure_channel(running.address) as channel:
        answers = channel.stream_stream("/t.T/Each")(messages)
        assert_serves(running)
        answers.cancel()


def test_many_streams_of_one_connection_that_are_reset_at_once_cost_nothing(running: RunningApp):
    """HTTP/2's rapid reset."""
    with connect(running) as connection, suppress(ConnectionError):
        connection.sendall(PREFACE + SETTINGS)
        for stream in range(1, 4001, 2):
            cancelled = frame(3, 0, stream, (8).to_bytes(4, "big"))
            connection.sendall(frame(1, 4, stream, GRPC_HEADERS) + cancelled)
        connection.shutdown(socket.SHUT_WR)
        assert_serves(running)
