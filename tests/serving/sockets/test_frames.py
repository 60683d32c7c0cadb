"""Frames and headers as bytes: what we write, a library reads; what comes is read in any pieces."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hpack import Decoder, Encoder
from hypothesis import given
from hypothesis import strategies as st

from serving.sockets import frames
from serving.sockets.asgi import Peer
from serving.sockets.frame_reader import FRAME_BYTES, Frame, FrameReader
from serving.sockets.frames import ConnectionFault, ErrorCode, StreamFault
from serving.sockets.request_headers import HeaderReader

SETTINGS = frames.encode_settings([])
HELLO = frames.PREFACE + SETTINGS
PEER = Peer(None, None, "http")

names = st.binary(min_size=1, max_size=200)
values = st.binary(max_size=300)


def read(data: bytes, *cuts: int, max_header_bytes: int = 65536) -> list[Frame]:
    reader = FrameReader(max_header_bytes)
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    pieces = [data[a:b] for a, b in pairwise(edges)]
    return [frame for piece in pieces for frame in reader.feed(piece)]


@given(
    headers=st.lists(st.tuples(names, values), max_size=8), status=st.none() | st.integers(100, 599)
)
def test_a_library_reads_the_headers_that_we_write_in_lower_case(headers, status):
    block = frames.encode_headers(tuple(headers), status)
    decoded = [
        (bytes(name), bytes(value)) for name, value in Decoder(10**6).decode(block, raw=True)
    ]
    first = [] if status is None else [(b":status", str(status).encode())]
    assert decoded == first + [(name.lower(), value) for name, value in headers]


@given(
    bodies=st.lists(st.binary(max_size=40), max_size=6),
    cuts=st.lists(st.integers(0, 10**6), max_size=12),
)
def test_frames_are_the_same_however_the_bytes_arrive(bodies, cuts):
    data = HELLO + b"".join(
        frames.encode_frame(frames.DATA, 0, 2 * i + 1, b) for i, b in enumerate(bodies)
    )
    whole = read(data)
    assert read(data, *cuts) == whole
    assert [frame.payload for frame in whole[1:]] == bodies


@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_are_frames_or_a_fault(data, has_hello):
    try:
        read(HELLO + data if has_hello else data, 3, 50)
    except ConnectionFault as fault:
        assert fault.code is not ErrorCode.NO_ERROR


@given(st.binary(max_size=200))
def test_any_header_block_is_a_request_or_a_fault(block):
    reader = HeaderReader(65536, PEER)
    try:
        scope = reader.scope(block)
    except (ConnectionFault, StreamFault):
        return
    assert scope["type"] == "http"


@given(st.lists(st.tuples(names, values), max_size=4), st.integers(1, 20))
def test_a_block_in_pieces_is_the_same_as_whole(headers, size):
    block = Encoder().encode(headers)
    pieces = [block[at : at + size] for at in range(0, len(block), size)] or [b""]
    data = HELLO + frames.encode_frame(frames.HEADERS, 0, 1, pieces[0])
    for piece in pieces[1:]:
        data += frames.encode_frame(frames.CONTINUATION, 0, 1, piece)
    data += frames.encode_frame(frames.CONTINUATION, frames.END_HEADERS, 1)
    assert [frame.payload for frame in read(data, max_header_bytes=10**6)[1:]] == [block]


def test_padding_and_priority_are_not_part_of_the_payload():
    padded = b"\x03" + b"body" + b"\0\0\0"
    data = HELLO + frames.encode_frame(frames.DATA, frames.PADDED, 1, padded)
    data += frames.encode_frame(
        frames.HEADERS, frames.HAS_PRIORITY | frames.END_HEADERS, 1, b"\0\0\0\0\x10" + b"block"
    )
    assert [frame.payload for frame in read(data)[1:]] == [b"body", b"block"]


HEADERS_OPEN = frames.encode_frame(frames.HEADERS, 0, 1, b"x")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", ErrorCode.PROTOCOL_ERROR),
        (
            frames.PREFACE + frames.encode_frame(frames.PING, 0, 0, bytes(8)),
            ErrorCode.PROTOCOL_ERROR,
        ),
        (
            HELLO + frames.encode_frame(frames.DATA, frames.PADDED, 1, b"\x09abc"),
            ErrorCode.PROTOCOL_ERROR,
        ),
        (HELLO + frames.encode_frame(frames.DATA, frames.PADDED, 1, b""), ErrorCode.PROTOCOL_ERROR),
        (HELLO + HEADERS_OPEN + SETTINGS, ErrorCode.PROTOCOL_ERROR),
        (HELLO + frames.encode_frame(frames.CONTINUATION, 0, 1, b"x"), ErrorCode.PROTOCOL_ERROR),
        (HELLO + (FRAME_BYTES + 1).to_bytes(3, "big") + bytes(6), ErrorCode.FRAME_SIZE_ERROR),
        (
            HELLO + HEADERS_OPEN + frames.encode_frame(frames.CONTINUATION, 0, 1) * 2000,
            ErrorCode.ENHANCE_YOUR_CALM,
        ),
    ],
)
def test_what_breaks_the_protocol_ends_the_connection(data, code):
    with pytest.raises(ConnectionFault) as caught:
        read(data)
    assert caught.value.code is code


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(":method", "GET"), (":scheme", "http")],
        [(":method", "GET"), (":scheme", "http"), (":path", "no-slash")],
        [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":path", "/")],
        [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":status", "200")],
        [(":method", "GET"), (":scheme", "http"), ("a", "b"), (":path", "/")],
        [(":method", "GET"), (":scheme", "http"), (":path", "/"), ("Upper", "x")],
        [(":method", "GET"), (":scheme", "http"), (":path", "/"), ("connection", "close")],
        [(":method", "GET"), (":scheme", "http"), (":path", "/"), ("te", "gzip")],
        [(":method", "GET"), (":scheme", "http"), (":path", "/"), ("a", "b\r\nc: d")],
        [(":method", "GET"), (":scheme", "http"), (":path", "/"), ("", "nameless")],
    ],
)
def test_headers_that_are_no_requests_end_the_stream(headers):
    with pytest.raises(StreamFault):
        HeaderReader(65536, PEER).scope(Encoder().encode(headers))


def test_the_same_headers_again_make_the_same_scope_and_none_is_shared():
    encoder, reader = Encoder(), HeaderReader(65536, PEER)
    headers = [(":method", "POST"), (":scheme", "http"), (":path", "/a%20b?c=d"), ("x", "y")]
    scopes = [reader.scope(encoder.encode(headers)) for _ in range(3)]
    assert scopes[0] == scopes[1] == scopes[2]
    assert (scopes[0]["path"], scopes[0]["query_string"]) == ("/a b", b"c=d")
    scopes[1]["path"] = "changed"
    assert reader.scope(encoder.encode(headers))["path"] == "/a b"


def test_what_was_remembered_is_forgotten_when_the_table_changes():
    encoder, reader = Encoder(), HeaderReader(65536, PEER)
    request = [(":method", "POST"), (":scheme", "http"), (":path", "/first"), ("x", "1")]
    for path in ("/first", "/second", "/third", "/second", "/first"):
        headers = [*request[:2], (":path", path), ("x", path)]
        for _ in range(2):
            scope = reader.scope(encoder.encode(headers))
            assert scope["path"] == path
            assert scope["headers"] == [(b"x", path.encode())]


def test_a_bomb_of_headers_is_refused():
    encoder, reader = Encoder(), HeaderReader(4096, PEER)
    encoder.encode([("x", "y" * 3000)])
    with pytest.raises(ConnectionFault) as caught:
        reader.decode(Encoder().encode([("x", "y" * 3000)] * 3))
    assert caught.value.code is ErrorCode.ENHANCE_YOUR_CALM
