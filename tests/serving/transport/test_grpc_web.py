"""gRPC-Web over HTTP/1.1, as a browser's client sends and reads it."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_store.errors import InvalidRequest, ServableNotFound
from serving.services.methods import Call, ServerStream, Unary
from serving.transport.grpc_frames import encode_frame
from serving.transport.grpc_web import web_receive
from serving.transport.options import Options
from tests.serving.transport.apps import Reply, ask, running_app

BINARY = ["application/grpc-web", "application/grpc-web+proto"]
TEXT = ["application/grpc-web-text", "application/grpc-web-text+proto"]


async def echo(request: bytes, call: Call) -> bytes:
    if request == b"fail":
        raise ServableNotFound("no such model: ä")
    return request


async def count(request: bytes, call: Call) -> AsyncIterator[bytes]:
    for number in range(3):
        yield b"%d" % number
    if request == b"fail":
        raise ServableNotFound("no more")


@pytest.fixture(scope="module")
def address():
    methods = {"/t.T/Echo": Unary(echo), "/t.T/Count": ServerStream(count)}
    options = Options(max_message_bytes=100_000, allows_cors=True)
    with running_app(methods, options=options) as running:
        yield running.address


def call(address: str, path: str, kind: str, message: bytes, **headers: str) -> Reply:
    body = encode_frame(message)
    body = base64.b64encode(body) if kind in TEXT else body
    headers |= {"Content-Type": kind, "X-Grpc-Web": "1"}
    reply = ask(address, path, method="POST", body=body, headers=headers)
    assert (reply.status, reply.headers["content-type"]) == (200, kind)
    return reply


def read(reply: Reply, kind: str) -> tuple[list[bytes], dict[str, str]]:
    """Messages and trailers."""
    body = unpack_text(reply.body) if kind in TEXT else reply.body
    messages, trailers = [], {}
    while body:
        flag, length = body[0], int.from_bytes(body[1:5], "big")
        part, body = body[5 : 5 + length], body[5 + length :]
        if flag == 0x80:
            assert not body, "trailers are the last"
            trailers = dict(line.split(": ", 1) for line in part.decode().split("\r\n") if line)
        else:
            messages.append(part)
    return messages, trailers


def unpack_text(text: bytes) -> bytes:
    """base64 that was joined, padding and all."""
    quads = (text[index : index + 4] for index in range(0, len(text), 4))
    return b"".join(base64.b64decode(quad, validate=True) for quad in quads)


@pytest.mark.parametrize("kind", BINARY + TEXT)
@pytest.mark.parametrize("message", [b"", b"a", b"x" * 99_999])
def test_a_unary_call_is_answered_with_trailers_in_the_body(address, kind, message):
    assert read(call(address, "/t.T/Echo", kind, message), kind) == (
        [message],
        {"grpc-status": "0"},
    )


@pytest.mark.parametrize("kind", BINARY + TEXT)
def test_a_stream_of_answers_comes_message_by_message(address, kind):
    messages, trailers = read(call(address, "/t.T/Count", kind, b""), kind)
    assert (messages, trailers) == ([b"0", b"1", b"2"], {"grpc-status": "0"})


@pytest.mark.parametrize("kind", [BINARY[0], TEXT[0]])
def test_a_stream_that_fails_late_says_so_in_its_trailers(address, kind):
    messages, trailers = read(call(address, "/t.T/Count", kind, b"fail"), kind)
    assert messages == [b"0", b"1", b"2"]
    assert trailers == {"grpc-status": "5", "grpc-message": "no more"}


@pytest.mark.parametrize(
    ("path", "message", "status", "words"),
    [
        ("/t.T/Echo", b"fail", "5", "no such model: %C3%A4"),
        ("/t.T/Nope", b"", "12", "unknown method /t.T/Nope"),
        ("/t.T/Echo", b"x" * 100_001, "8", "--max_message_bytes"),
    ],
)
def test_a_failure_before_any_answer_is_in_the_headers(address, path, message, status, words):
    reply = call(address, path, BINARY[0], message)
    assert (reply.headers["grpc-status"], reply.body) == (status, b"")
    assert words in reply.headers["grpc-message"]


def test_a_text_that_is_no_base64_is_the_callers_mistake(address):
    headers = {"Content-Type": TEXT[0]}
    reply = ask(address, "/t.T/Echo", method="POST", body=b"*&^%", headers=headers)
    assert reply.headers["grpc-status"] == "3"


def test_a_page_of_another_origin_may_call_and_read_the_status(address):
    origin = {"Origin": "https://a.example"}
    preflight = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,x-grpc-web",
    }
    asked = ask(address, "/t.T/Echo", method="OPTIONS", headers=origin | preflight)
    assert asked.status == 204
    assert asked.headers["access-control-allow-headers"] == "content-type,x-grpc-web"
    reply = call(address, "/t.T/Echo", TEXT[0], b"fail", **origin)
    assert reply.headers["access-control-allow-origin"] == "*"
    assert "grpc-status" in reply.headers["access-control-expose-headers"]


@given(st.data(), st.lists(st.binary(max_size=20), max_size=4))
async def test_a_text_cut_anywhere_is_the_same_bytes(data, pieces):
    text = b"".join(base64.b64encode(piece) for piece in pieces)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    parts = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    events = iter(
        {"type": "http.request", "body": part, "more_body": index < len(parts) - 1}
        for index, part in enumerate(parts)
    )

    async def receive():
        return next(events)

    decoded = web_receive(receive, {b"content-type": TEXT[0].encode()})
    assert b"".join([(await decoded())["body"] for _ in parts]) == b"".join(pieces)


@given(st.binary(max_size=40))
async def test_any_text_is_bytes_or_refused(text):
    async def receive():
        return {"type": "http.request", "body": text}

    with suppress(InvalidRequest):
        await web_receive(receive, {b"content-type": TEXT[0].encode()})()
