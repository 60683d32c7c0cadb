"""A request that begins as the last one did means what it would mean if it was parsed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.sockets.entrance import Arrivals, Entrance
from serving.sockets.http1 import Http1Connection
from serving.sockets.limits import Limits
from serving.sockets.repeated import Heads, remember
from tests.serving.sockets.clients import whole_body

HEAD = b"POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n"
# With such ends of lines a parser that is content with them sees the body begin earlier.
LINE_FEEDS = b"POST /p HTTP/1.1\nHost: x\nContent-Length: 7\n\n"


class Wire(asyncio.Transport):
    """What a connection writes to, without a socket."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.is_closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep it."""
        self.written += bytes(data)

    def is_closing(self) -> bool:
        """Whether the connection ended it."""
        return self.is_closed

    def close(self) -> None:
        """The connection ends it."""
        self.is_closed = True

    def abort(self) -> None:
        """The connection ends it."""
        self.is_closed = True

    def get_write_buffer_size(self) -> int:
        """Nothing ever waits."""
        return 0

    def pause_reading(self) -> None:
        """Go on all the same."""


async def seen(pieces: list[bytes]) -> tuple[list[tuple[dict[str, Any], bytes]], bytes]:
    """What the application is given when *pieces* come, each when the last is done with."""
    given: list[tuple[dict[str, Any], bytes]] = []

    async def app(scope, receive, send) -> None:
        given.append((dict(scope), await whole_body(receive)))
        scope["path"] = scope["headers"] = "what it does with them is its own affair"
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"%d" % len(given)})

    arrivals, wire = Arrivals(), Wire()
    connection = Http1Connection(Entrance(app, arrivals), Limits(), lambda _: None)
    connection.connection_made(wire)
    for piece in pieces:
        if not wire.is_closed:
            connection.data_received(piece)
        while arrivals.count:
            await asyncio.sleep(0)
        await asyncio.sleep(0)
    connection.connection_lost(None)
    await asyncio.sleep(0)
    return given, wire.written


_LINES = st.lists(
    st.sampled_from(
        [b"A: b", b"a:c", b"Accept-Encoding: gzip", b"Connection: close", b"Expect: 100-continue",
         b"Connection: keep-alive", b"X: \t y ", b"Transfer-Encoding: chunked", b"Upgrade: h2c"]
    ),
    max_size=2,
)  # fmt: skip
# Those that differ from request to request, in the last lines.
_LABELS = st.lists(
    st.sampled_from(
        [b"x-request-id: a", b"x-request-id: b", b"x-request-id: b", b"X-Request-Id: c",
         b"x-request-id:d", b"x-request-id: e ", b"x-request-id: f g", b"x-request-id: ",
         b"traceparent: 00-1-2-01", b"traceparent: 00-3-4-00", b"traceparent: \xff"]
    ),
    max_size=2,
)  # fmt: skip
_ENDS = st.sampled_from([b"\r\n"] * 6 + [b"\n"])
_BODIES = st.sampled_from([b"", b"abc", b"\r\n\r\n", b"\n\n\r\n", b"xyz\r\n\r\nPOST", b"uvw"])


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """A request as somebody could send it, mostly a right one."""
    body, end = draw(_BODIES), draw(_ENDS)
    lines = [draw(st.sampled_from([b"POST /p?q HTTP/1.1", b"POST /r HTTP/1.0"])), b"Host: x"]
    lines += draw(_LINES)
    if body or draw(st.booleans()):
        lines.append(b"Content-Length: %d" % len(body))
    lines += draw(_LABELS)
    before = draw(st.sampled_from([b""] * 6 + [b"\r\n", b"\r\n\r\n"]))
    return (
        before
        + end.join([*lines, b"", b""])
        + body
        + draw(st.sampled_from([b""] * 6 + [b"\r\n", b"\r\n\r\n"]))
    )


@given(st.lists(requests(), min_size=1, max_size=2), st.lists(st.integers(0, 1), max_size=8))
@settings(max_examples=300, deadline=None)
def test_requests_are_the_same_whether_they_repeat_a_head_or_are_parsed(pool, order):
    pieces = [pool[each % len(pool)] for each in order]
    # Cut in two nothing is remembered, because no request comes whole.
    cut = [part for piece in pieces for part in (piece[:5], piece[5:])]
    assert asyncio.run(seen(pieces)) == asyncio.run(seen(cut))


async def test_a_head_that_comes_again_has_its_own_body_and_a_scope_of_its_own():
    given, written = await seen([HEAD + b"abc", HEAD + b"def", HEAD + b"ghi"])
    assert [body for _, body in given] == [b"abc", b"def", b"ghi"]
    assert given[0][0] == given[1][0] == given[2][0]
    assert written.count(b"HTTP/1.1 200 OK") == 3


async def test_the_same_head_with_half_of_a_body_waits_for_the_rest():
    given, _ = await seen([HEAD + b"abc", HEAD + b"d", b"ef", HEAD + b"ghi" + HEAD, b"jkl"])
    assert [body for _, body in given] == [b"abc", b"def", b"ghi", b"jkl"]


def scope(*headers: tuple[bytes, bytes]) -> dict[str, Any]:
    return {"headers": [(b"host", b"x"), *headers]}


def test_a_head_and_the_length_of_its_requests_are_remembered():
    known = remember(HEAD + b"abc", scope((b"content-length", b"3")), b"abc")
    assert known is not None
    assert (known.text, known.body_bytes, known.labels) == (HEAD, 3, ())
    again = known.read(HEAD + b"xyz")
    assert again is not None
    assert again.body == b"xyz"
    assert known.read(HEAD + b"xy") is None
    assert known.read(HEAD + b"wxyz") is None
    assert known.read(HEAD.replace(b"/p", b"/q") + b"xyz") is None


def labelled(*lines: bytes) -> bytes:
    return HEAD[:-2] + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


def test_a_head_with_another_id_and_trace_is_known_and_has_them():
    length = (b"content-length", b"3")
    first = labelled(b"X-Request-Id: a1", b"traceparent: 00-aa-bb-01")
    found = scope(length, (b"x-request-id", b"a1"), (b"traceparent", b"00-aa-bb-01"))
    known = remember(first + b"abc", found, b"abc")
    assert known is not None
    assert known.labels == (b"X-Request-Id", b"traceparent")
    again = known.read(labelled(b"X-Request-Id: z/9", b"traceparent: 00-cc-dd-00") + b"xyz")
    assert again is not None
    assert again.body == b"xyz"
    assert again.scope["headers"] == [
        (b"host", b"x"), length, (b"x-request-id", b"z/9"), (b"traceparent", b"00-cc-dd-00")
    ]  # fmt: skip
    assert known.scope["headers"] == [(b"host", b"x"), length]


@pytest.mark.parametrize(
    "lines",
    [
        [b"X-Request-Id: a b"],
        [b"X-Request-Id: a\nContent-Length: 9"],
        [b"X-Request-Id: a\rb"],
        [b"X-Request-Id:  a"],
        [b"X-Request-Id:a"],
        [b"X-Request-Id: "],
        [b"x-request-id: a"],
        [b"X-Request-Id: " + b"a" * 257],
        [b"X-Request-Id: a", b"Content-Length: 9"],
        [b"X-Request-Id: a", b"X-Request-Id: b"],
        [b"traceparent: a"],
        [],
    ],
    ids=repr,
)
def test_a_label_that_could_be_read_otherwise_is_left_to_the_parser(lines):
    found = scope((b"content-length", b"3"), (b"x-request-id", b"a1"))
    known = remember(labelled(b"X-Request-Id: a1") + b"abc", found, b"abc")
    assert known is not None
    assert known.read(labelled(b"X-Request-Id: b2") + b"abc") is not None
    assert known.read(labelled(*lines) + b"abc") is None


async def test_requests_with_an_id_each_are_given_to_the_application_with_their_own():
    heads = [labelled(b"x-request-id: %d" % number) for number in range(5)]
    given, _ = await seen([head + b"abc" for head in heads])
    assert [dict(scope["headers"])[b"x-request-id"] for scope, _ in given] == [
        b"%d" % number for number in range(5)
    ]


@pytest.mark.parametrize(
    ("data", "headers", "body"),
    [
        (LINE_FEEDS + b"\r\n\r\nabc\r\n\r\n", [(b"content-length", b"7")], b"\r\n\r\nabc"),
        (b"\r\n" + HEAD + b"abc", [(b"content-length", b"3")], b"abc"),
        (HEAD + b"abc\r\n", [(b"content-length", b"3")], b"abc"),
        (HEAD + b"abc", [(b"transfer-encoding", b"chunked")], b"abc"),
        (HEAD + b"abc", [], b"abc"),
    ],
    ids=["bare line feeds", "an empty line before", "more than a request", "chunks", "no length"],
)
def test_nothing_is_remembered_of_what_could_be_read_in_two_ways(data, headers, body):
    assert remember(data, scope(*headers), body) is None


def test_a_head_is_remembered_when_it_comes_twice_and_forgotten_with_another():
    heads, scope = Heads(), {"headers": [(b"content-length", b"3")]}
    other = HEAD.replace(b"/p", b"/q")
    known = []
    for head in (HEAD, other, HEAD, HEAD, HEAD, other, HEAD):
        heads.note(head + b"abc", scope, b"abc", None)
        known.append(heads.known is not None)
    assert known == [False, False, False, True, True, False, False]


def test_a_head_is_the_same_with_another_id():
    heads, length = Heads(), (b"content-length", b"3")
    for label in (b"a", b"b"):
        headers = scope(length, (b"x-request-id", label))
        heads.note(labelled(b"x-request-id: " + label) + b"abc", headers, b"abc", None)
    assert heads.known is not None
    assert heads.find(labelled(b"x-request-id: c") + b"abc") is not None
    assert heads.find(HEAD + b"abc") is None
