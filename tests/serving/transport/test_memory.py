"""Requests that would take too much memory together are told so; each alone is let in."""

from __future__ import annotations

import zlib
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from model_store.errors import Overloaded
from serving.services.methods import Unary
from serving.transport.memory import Memory
from serving.transport.options import Options
from tests.serving.transport.apps import RunningApp, ask, running_app
from tests.serving.transport.test_admission import Gate

BYTES = 100_000


@pytest.fixture
def gate():
    return Gate()


@pytest.fixture
def full(gate):
    """An application with room for three long requests, with two in it."""

    async def length(request: bytes, call) -> bytes:
        return b"%d" % len(request)

    methods = {"/M/Infer": Unary(gate.infer, runs_model=True), "/M/Length": Unary(length)}
    options = Options(max_message_bytes=10 * BYTES, memory=Memory(3 * BYTES + 1000))
    with running_app(methods, {"v2": gate.post}, options) as app, ThreadPoolExecutor(2) as pool:
        calls = [
            pool.submit(call_grpc, app, "/M/Infer", BYTES),
            pool.submit(ask, app.address, "/v2/x", method="POST", body=b"x" * BYTES),
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


def call_grpc(app: RunningApp, path: str, size: int) -> bytes:
    with grpc.insecure_channel(app.address) as channel:
        return channel.unary_unary(path)(b"x" * size, timeout=20)


def test_what_would_be_too_much_together_is_refused_and_named(full):
    assert call_grpc(full, "/M/Length", BYTES) == b"100000"
    with pytest.raises(grpc.RpcError) as raised:
        call_grpc(full, "/M/Length", 2 * BYTES)
    assert raised.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "more than max_inflight_bytes, 0.3 MiB" in raised.value.details()
    reply = ask(full.address, "/v2/x", method="POST", body=b"x" * 2 * BYTES)
    assert (reply.status, reply.headers["retry-after"]) == (429, "1")


def test_what_is_long_only_when_unpacked_counts_as_it_is_then(full):
    body = zlib.compress(b"x" * 2 * BYTES)
    headers = {"content-encoding": "deflate"}
    reply = ask(full.address, "/v2/x", method="POST", body=body, headers=headers)
    assert reply.status == 429


def test_small_requests_are_answered_by_a_full_server(full):
    assert call_grpc(full, "/M/Length", 5000) == b"5000"
    assert ask(full.address, "/v2/x").status == 200


def test_whoever_leaves_makes_room(full, gate):
    gate.opened.set_result(None)
    for _ in range(5):
        assert call_grpc(full, "/M/Length", BYTES) == b"100000"


def test_one_that_is_alone_may_have_more():
    memory = Memory(1000)
    memory.take(10**6)
    with pytest.raises(Overloaded):
        memory.take(10**5)
    memory.take(100)
    memory.give(10**6 + 100)
    assert memory.held == 0
