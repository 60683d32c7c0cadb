"""Each call that ends is told once, whatever its end; and the answer tells its own times."""

from __future__ import annotations

import asyncio
import http.client
import queue
from collections.abc import AsyncIterator

import grpc
import pytest

from model_store.errors import Code, ServableNotFound
from model_store.spec import ModelVersion
from serving.api.calls import Answer, Timing
from serving.services.http import HttpRequest, HttpResponse
from serving.services.methods import BidiStream, Call, ServerStream, Unary
from serving.services.observation import Observation
from serving.transport.options import Options
from tests.serving.transport.apps import ask, running_app

ANSWER = Answer(ModelVersion("m", 1), {}, Timing(0.000_25, 0.001_5, 7))
TOLD = {"easel-queue-us": "250", "easel-compute-us": "1500", "easel-batch-rows": "7"}


async def unary(request: bytes, call: Call) -> bytes:
    if request == b"fail":
        raise ServableNotFound("no such model")
    if request == b"hang":
        await asyncio.sleep(3600)
    if request == b"run":
        call.answer = ANSWER
    return request * 2


async def count(request: bytes, call: Call) -> AsyncIterator[bytes]:
    for _ in range(3):
        yield b"abc"


async def echo(requests: AsyncIterator[bytes], call: Call) -> AsyncIterator[bytes]:
    async for message in requests:
        yield message


async def page(request: HttpRequest, call: Call) -> HttpResponse:
    reply = await unary(request.body, call)
    return HttpResponse(reply, 405 if request.body == b"wrong" else 200)


@pytest.fixture(scope="module")
def observed():
    seen: queue.SimpleQueue[Observation] = queue.SimpleQueue()
    methods = {"/t.T/U": Unary(unary), "/t.T/C": ServerStream(count), "/t.T/E": BidiStream(echo)}
    options = Options(max_message_bytes=100_000, observe=seen.put)
    with running_app(methods, {"page": page}, options) as running:
        yield running.address, seen


@pytest.fixture
def grpc_call(observed):
    with grpc.insecure_channel(observed[0]) as channel:
        yield channel.unary_unary("/t.T/U")


def told(observed) -> tuple[object, ...]:
    """The one call that has ended since the last look."""
    observation = observed[1].get(timeout=30)
    assert observed[1].empty()
    assert observation.seconds > 0
    return (
        observation.path, observation.is_grpc, observation.code, observation.message,
        observation.request_bytes, observation.response_bytes,
    )  # fmt: skip


def test_an_answered_call_is_told(observed, grpc_call):
    grpc_call(b"abc", timeout=30)
    assert told(observed) == ("/t.T/U", True, Code.OK, "", 3, 6)


def test_a_failed_call_is_told_with_its_reason(observed, grpc_call):
    with pytest.raises(grpc.RpcError):
        grpc_call(b"fail", timeout=30)
    assert told(observed) == ("/t.T/U", True, Code.NOT_FOUND, "no such model", 4, 0)


def test_a_call_of_an_unknown_method_is_told(observed):
    with grpc.insecure_channel(observed[0]) as channel, pytest.raises(grpc.RpcError):
        channel.unary_unary("/t.T/Nope")(b"", timeout=30)
    assert told(observed)[:3] == ("/t.T/Nope", True, Code.UNIMPLEMENTED)


def test_a_call_that_its_client_left_is_told(observed, grpc_call):
    with pytest.raises(grpc.RpcError):
        grpc_call(b"hang", timeout=0.3)
    # The server's own clock or the news of the client's leaving, whichever comes first.
    assert told(observed)[2] in (Code.DEADLINE_EXCEEDED, Code.CANCELLED)


def test_streams_are_told_once_with_all_their_bytes(observed):
    with grpc.insecure_channel(observed[0]) as channel:
        assert len(list(channel.unary_stream("/t.T/C")(b"x", timeout=30))) == 3
        assert told(observed) == ("/t.T/C", True, Code.OK, "", 1, 9)
        answers = channel.stream_stream("/t.T/E")(iter([b"ab", b"cde"]), timeout=30)
        assert list(answers) == [b"ab", b"cde"]
        assert told(observed) == ("/t.T/E", True, Code.OK, "", 5 + 2 * 5, 5)


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("/page/x?secret", b"abc", ("/page/x", False, Code.OK, "", 3, 6)),
        ("/page", b"fail", ("/page", False, Code.NOT_FOUND, "no such model", 4, 26)),
        ("/page", b"wrong", ("/page", False, Code.INVALID_ARGUMENT, "", 5, 10)),
        ("/nope", b"", ("/nope", False, Code.NOT_FOUND, "", 0, 38)),
    ],
)
def test_http_requests_are_told(observed, path, body, expected):
    ask(observed[0], path, method="POST", body=body)
    assert told(observed) == expected


def test_an_http_client_that_leaves_is_told(observed):
    connection = http.client.HTTPConnection(observed[0], timeout=30)
    connection.request("POST", "/page", b"hang")
    connection.close()
    assert told(observed)[:3] == ("/page", False, Code.CANCELLED)


def test_the_callers_headers_are_part_of_it(observed, grpc_call):
    grpc_call(b"", timeout=30, metadata=[("x-request-id", "abc")])
    assert observed[1].get(timeout=30).call.headers[b"x-request-id"] == b"abc"


def test_an_answer_tells_its_times_in_trailers_and_headers(observed, grpc_call):
    _, call = grpc_call.with_call(b"run", timeout=30)
    assert {key: value for key, value in call.trailing_metadata() if key in TOLD} == TOLD
    _, call = grpc_call.with_call(b"no run", timeout=30)
    assert not call.trailing_metadata()
    reply = ask(observed[0], "/page", method="POST", body=b"run")
    assert TOLD.items() <= reply.headers.items()
    for _ in range(3):
        observed[1].get(timeout=30)
