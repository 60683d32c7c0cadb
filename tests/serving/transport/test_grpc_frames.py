"""gRPC's five bytes, its timeouts and its statuses."""

from __future__ import annotations

import gzip
import zlib
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_store.errors import Code, EaselError, InvalidRequest, MessageTooLarge, Unsupported
from serving.transport import grpc_frames as frames

LIMIT = 1000


def compressed(message: bytes) -> bytes:
    return b"\1" + len(message).to_bytes(4, "big") + message


@given(st.binary(max_size=LIMIT))
def test_a_frame_comes_back_as_its_message(message):
    assert frames.decode_frame(frames.encode_frame(message), b"identity", LIMIT) == message


@given(st.binary(max_size=LIMIT), st.sampled_from([b"gzip", b"deflate"]))
def test_compressed_messages_are_unpacked(message, encoding):
    packed = gzip.compress(message) if encoding == b"gzip" else zlib.compress(message)
    assert frames.decode_frame(compressed(packed), encoding, 10 * LIMIT) == message


@given(st.binary(max_size=64), st.sampled_from([b"identity", b"gzip", b"deflate", b"br"]))
def test_any_body_is_a_message_or_refused(body, encoding):
    try:
        frames.decode_frame(body, encoding, LIMIT)
    except EaselError as error:
        assert error.code in (Code.INVALID_ARGUMENT, Code.UNIMPLEMENTED, Code.RESOURCE_EXHAUSTED)


def test_a_bomb_is_known_without_being_unpacked():
    bomb = compressed(gzip.compress(b"\0" * 10_000_000))
    with pytest.raises(MessageTooLarge, match="--max_message_bytes"):
        frames.decode_frame(bomb, b"gzip", 100_000)


@pytest.mark.parametrize(
    ("body", "encoding", "error", "words"),
    [
        (b"", b"identity", InvalidRequest, "no message"),
        (b"\0\0\0\0\5abc", b"identity", InvalidRequest, "5 bytes were announced, 3 came"),
        (b"\0\0\0\0\1abc", b"identity", InvalidRequest, "cut short or followed by more"),
        (b"\2\0\0\0\1a", b"identity", InvalidRequest, "unknown compression flag 2"),
        (b"\1\0\0\0\1a", b"br", Unsupported, "identity,deflate,gzip"),
        (compressed(b"no gzip at all"), b"gzip", InvalidRequest, "not gzip data"),
        (compressed(gzip.compress(b"x" * 99)[:-9]), b"gzip", InvalidRequest, "cut short"),
        (b"\0\xff\xff\xff\xff", b"identity", MessageTooLarge, "4294967295 bytes"),
    ],
)  # fmt: skip
def test_a_broken_body_is_refused_with_the_reason(body, encoding, error, words):
    with pytest.raises(error, match=words):
        frames.decode_frame(body, encoding, LIMIT)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(b"1H", 3600), (b"2M", 120), (b"3S", 3), (b"4m", 0.004), (b"5u", 5e-6), (b"6n", 6e-9)],
)
def test_timeouts_have_six_units(value, seconds):
    assert frames.parse_timeout(value) == pytest.approx(seconds)


@pytest.mark.parametrize("value", [b"", b"1", b"S", b"-1S", b"1.5S", b"123456789S", b"1s"])
def test_other_timeouts_are_refused(value):
    with pytest.raises(InvalidRequest):
        frames.parse_timeout(value)


@given(st.text(max_size=50))
def test_messages_are_percent_encoded_and_come_back(message):
    headers = dict(frames.status_headers(Code.NOT_FOUND, message))
    assert headers[b"grpc-status"] == b"5"
    encoded = headers.get(b"grpc-message", b"")
    assert all(0x20 <= byte <= 0x7E for byte in encoded)
    assert unquote(encoded.decode()) == message


@given(st.data(), st.lists(st.binary(max_size=40), max_size=8))
def test_a_stream_cut_anywhere_gives_the_same_messages(data, messages):
    wire = b"".join(
        compressed(gzip.compress(message)) if index % 2 else frames.encode_frame(message)
        for index, message in enumerate(messages)
    )
    cuts = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=10)))
    reader = frames.FrameReader(b"gzip", LIMIT)
    got = []
    for start, end in zip([0, *cuts], [*cuts, len(wire)], strict=True):
        got += reader.feed(wire[start:end])
    reader.finish()
    assert got == messages


@given(st.lists(st.binary(max_size=20), max_size=6), st.sampled_from([b"identity", b"gzip"]))
def test_any_stream_is_messages_or_refused(parts, encoding):
    reader = frames.FrameReader(encoding, LIMIT)
    try:
        for part in parts:
            for message in reader.feed(part):
                assert len(message) <= LIMIT
        reader.finish()
    except EaselError as error:
        assert error.code in (Code.INVALID_ARGUMENT, Code.UNIMPLEMENTED, Code.RESOURCE_EXHAUSTED)


def test_a_stream_that_ends_within_a_message_is_refused():
    reader = frames.FrameReader(b"identity", LIMIT)
    assert list(reader.feed(b"\0\0\0\0\2a")) == []
    with pytest.raises(InvalidRequest, match="cut short"):
        reader.finish()
