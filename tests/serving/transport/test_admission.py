"""Beyond a number of calls inside, one more is told so at once, and when to come back."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future, ThreadPoolExecutor

import grpc
import pytest

from model_store.errors import Overloaded
from serving.services.http import HttpResponse
from serving.services.methods import Unary
from serving.transport.admission import Admission
from serving.transport.options import Options
from tests.serving.transport.apps import RunningApp, ask, running_app


class Gate:
    """A model that takes as long as the test likes."""

    def __init__(self) -> None:
        self.inside = threading.Semaphore(0)
        self.opened: Future[None] = Future()

    async def wait(self) -> None:
        self.inside.release()
        await asyncio.wrap_future(self.opened)

    async def infer(self, request: bytes, call) -> bytes:
        await self.wait()
        return b"answer"

    async def post(self, request, call) -> HttpResponse:
        if request.method == "POST":
            await self.wait()
        return HttpResponse(b"answer")


@pytest.fixture
def gate():
    return Gate()


@pytest.fixture
def full(gate):
    """An application with room for two calls, with two in it."""

    async def check(request: bytes, call) -> bytes:
        return b"well"

    methods = {"/M/Infer": Unary(gate.infer, runs_model=True), "/H/Check": Unary(check)}
    options = Options(max_message_bytes=1000, max_calls=2)
    with running_app(methods, {"v2": gate.post}, options) as app, ThreadPoolExecutor(2) as pool:
        calls = [
            pool.submit(call_grpc, app, "/M/Infer"),
            pool.submit(ask, app.address, "/v2/x", method="POST", body=b""),
        ]
        for _ in calls:
            assert gate.inside.acquire(timeout=20)
        try:
            yield app
        finally:
            if not gate.opened.done():
                gate.opened.set_result(None)
            for call in calls:
                call.result(20)


def call_grpc(app: RunningApp, path: str) -> bytes:
    with grpc.insecure_channel(app.address) as channel:
        return channel.unary_unary(path)(b"x" * 900, timeout=20)


def test_a_call_too_many_is_refused_and_told_when_to_come_back(full):
    with pytest.raises(grpc.RpcError) as raised:
        call_grpc(full, "/M/Infer")
    assert raised.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert raised.value.details() == "the server is full: 2 calls are in it and no more may"
    assert ("grpc-retry-pushback-ms", "1000") in raised.value.trailing_metadata()


def test_over_http_it_is_429_with_retry_after(full):
    reply = ask(full.address, "/v2/x", method="POST", body=b"x" * 900)
    assert (reply.status, reply.headers["retry-after"]) == (429, "1")
    assert b"the server is full" in reply.body


def test_health_is_answered_also_by_a_full_server(full):
    assert call_grpc(full, "/H/Check") == b"well"
    assert ask(full.address, "/v2/health").status == 200


def test_whoever_leaves_makes_room(full, gate):
    gate.opened.set_result(None)
    assert call_grpc(full, "/M/Infer") == b"answer"


def test_a_call_that_fails_leaves_too():
    admission = Admission(1)
    for _ in range(2):
        with pytest.raises(ValueError, match="bad"), admission:
            raise ValueError("bad")
    with admission, pytest.raises(Overloaded), admission:
        raise AssertionError
    assert admission.calls == 0
