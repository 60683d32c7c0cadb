from __future__ import annotations

import pytest
from hpack import Decoder, Encoder, NeverIndexedHeaderTuple
from hypothesis import given
from hypothesis import strategies as st

from serving.sockets.asgi import Peer
from serving.sockets.frames import StreamFault
from serving.sockets.request_headers import HeaderReader, keeps_table

Fields = list[tuple[bytes, bytes, bool]]

PEER = Peer(("127.0.0.1", 1), ("127.0.0.1", 2), "http")
REQUEST = [(b":method", b"POST"), (b":scheme", b"http"), (b":path", b"/")]

names = st.sampled_from([b"a", b"content-type", b"x-request-id", b"n" * 200])
# Without the line breaks and NUL that the reader refuses (RFC 9113, section 8.2.1).
octets = st.sampled_from(sorted({*range(256)} - {*b"\0\r\n"}))
values = st.lists(octets, max_size=3).map(bytes) | st.sampled_from(
    [b"v" * 126, b"v" * 127, b"v" * 300]
)
fields = st.tuples(names, values, st.booleans())
blocks = st.lists(st.lists(fields, max_size=4), max_size=6)


def encoded(encoder: Encoder, given_fields: Fields, *, huffman: bool) -> bytes:
    """A request's block; fields that say so are written out and never put in the table."""
    extra = [
        NeverIndexedHeaderTuple(name, value) if is_secret else (name, value)
        for name, value, is_secret in given_fields
    ]
    return encoder.encode([*REQUEST, *extra], huffman=huffman)


@given(requests=blocks, huffman=st.booleans())
def test_blocks_that_come_again_are_read_as_a_decoder_without_a_memory_reads_them(
    *, requests: list[Fields], huffman: bool
) -> None:
    encoder, reader = Encoder(), HeaderReader(65_536, PEER)
    for given_fields in [*requests, *requests]:
        block = encoded(encoder, given_fields, huffman=huffman)
        found = reader.scope(block)["headers"]
        assert found == [(name, value) for name, value, _ in given_fields]


@given(requests=blocks, huffman=st.booleans())
def test_a_block_is_said_to_keep_the_table_only_if_it_does(
    *, requests: list[Fields], huffman: bool
) -> None:
    encoder, decoder = Encoder(), Decoder()
    for given_fields in [*requests, *requests]:
        block = encoded(encoder, given_fields, huffman=huffman)
        before = list(decoder.header_table.dynamic_entries)
        decoder.decode(block, raw=True)
        is_kept = list(decoder.header_table.dynamic_entries) == before
        assert keeps_table(block) <= is_kept


@pytest.mark.parametrize("octet", [b"\0", b"\r", b"\n"])
def test_a_value_that_could_become_two_headers_is_refused(octet: bytes) -> None:
    block = Encoder().encode([*REQUEST, (b"a", b"b" + octet + b"c")])
    with pytest.raises(StreamFault, match="line break"):
        HeaderReader(65_536, PEER).scope(block)


def test_a_field_that_is_written_out_leaves_the_table_alone() -> None:
    reader, block = HeaderReader(65_536, PEER), Encoder().encode(REQUEST)
    reader.scope(block)
    written_out = b"\x83\x86\x84\x0f\x0d\x0245"  # the three above, and content-length: 45
    assert keeps_table(written_out)
    assert reader.scope(written_out) == reader.scope(written_out)
    assert reader.scope(written_out)["headers"] == [(b"content-length", b"45")]


def test_a_size_of_the_table_changes_it() -> None:
    assert not keeps_table(b"\x20\x83\x86\x84")
    assert not keeps_table(b"\x83\x86\x84\x40\x01a\x01b")


def test_what_is_done_to_one_scope_is_not_seen_in_the_next() -> None:
    reader = HeaderReader(65_536, PEER)
    block = b"\x83\x86\x84"
    reader.scope(block)["state"] = "of the first"
    assert "state" not in reader.scope(block)
