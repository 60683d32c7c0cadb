"""gRPC streams over a real socket: both ways at once, cut anywhere, ended by either side."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import AsyncIterator

import grpc
import pytest

from model_store.errors import InvalidRequest
from serving.services.methods import BidiStream, Call, ServerStream
from serving.transport.options import Options
from tests.serving.transport.apps import RunningApp, running_app

LIMIT = 300_000
ended = threading.Event()


async def echo(requests: AsyncIterator[bytes], call: Call) -> AsyncIterator[bytes]:
    try:
        async for message in requests:
            if message == b"fail":
                raise InvalidRequest("told to fail")
            if message == b"hang":
                yield b"hanging"
                await asyncio.sleep(3600)
            yield message
        yield b"end"
    except asyncio.CancelledError:
        ended.set()
        raise


async def count(request: bytes, call: Call) -> AsyncIterator[bytes]:
    for number in range(int(request)):
        yield b"%d" % number
    if call.headers.get(b"x-fail"):
        raise InvalidRequest("told to fail")


@pytest.fixture(scope="module")
def running():
    methods = {"/test.Test/Echo": BidiStream(echo), "/test.Test/Count": ServerStream(count)}
    with running_app(methods, options=Options(max_message_bytes=LIMIT)) as running:
        yield running


@pytest.fixture
def channel(running: RunningApp):
    with grpc.insecure_channel(running.address) as channel:
        yield channel


def test_answers_come_while_requests_are_still_sent(channel):
    sent: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    answers = channel.stream_stream("/test.Test/Echo")(iter(sent.get, None), timeout=30)
    for message in (b"one", b"", b"three"):
        sent.put(message)
        assert next(answers) == message
    sent.put(None)
    assert list(answers) == [b"end"]


@pytest.mark.parametrize("compression", [None, grpc.Compression.Gzip, grpc.Compression.Deflate])
def test_messages_longer_than_a_frame_of_http_come_whole(channel, compression):
    messages = [bytes([number]) * size for number, size in enumerate((0, 1, LIMIT, 70_000, LIMIT))]
    answers = channel.stream_stream("/test.Test/Echo")(
        iter(messages), timeout=30, compression=compression
    )
    assert list(answers) == [*messages, b"end"]


def test_a_client_that_sends_faster_than_it_is_answered_gets_every_answer(channel):
    messages = [b"%d" % number * 100 for number in range(2000)]
    assert list(channel.stream_stream("/test.Test/Echo")(iter(messages), timeout=60)) == [
        *messages,
        b"end",
    ]


@pytest.mark.parametrize(
    ("messages", "code", "words"),
    [
        ([b"a", b"fail", b"b"], grpc.StatusCode.INVALID_ARGUMENT, "told to fail"),
        ([b"a", b"x" * (LIMIT + 1)], grpc.StatusCode.RESOURCE_EXHAUSTED, "--max_message_bytes"),
    ],
)
def test_a_stream_that_fails_says_so_after_the_answers_before(channel, messages, code, words):
    answers = channel.stream_stream("/test.Test/Echo")(iter(messages), timeout=30)
    assert next(answers) == b"a"
    with pytest.raises(grpc.RpcError) as caught:
        next(answers)
    assert caught.value.code() is code
    assert words in caught.value.details()


def test_a_stream_ends_with_its_deadline(channel):
    answers = channel.stream_stream("/test.Test/Echo")(iter([b"hang"]), timeout=1)
    assert next(answers) == b"hanging"
    with pytest.raises(grpc.RpcError) as caught:
        next(answers)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


def test_a_stream_whose_client_leaves_is_ended(channel):
    ended.clear()
    sent: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    sent.put(b"hang")
    answers = channel.stream_stream("/test.Test/Echo")(iter(sent.get, None))
    assert next(answers) == b"hanging"
    answers.cancel()
    assert ended.wait(30)
    sent.put(None)


def test_one_request_can_have_many_answers(channel):
    answers = channel.unary_stream("/test.Test/Count")(b"3", timeout=30)
    assert list(answers) == [b"0", b"1", b"2"]


def test_headers_reach_the_method_and_late_failures_the_client(channel):
    answers = channel.unary_stream("/test.Test/Count")(
        b"1", timeout=30, metadata=[("x-fail", "yes")]
    )
    assert next(answers) == b"0"
    with pytest.raises(grpc.RpcError) as caught:
        next(answers)
    assert caught.value.details() == "told to fail"
