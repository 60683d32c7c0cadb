"""HTTP/2 requests that say how long their body is, and are to be believed or refused."""

from __future__ import annotations

import pytest

from serving.sockets.frames import ErrorCode
from tests.serving.sockets.clients import H2Client, echo, served


def begin(client: H2Client, *lengths: str, end: bool = False) -> int:
    return client.begin(end=end, more=[("content-length", length) for length in lengths])


def send(client: H2Client, number: int, *pieces: bytes) -> None:
    for index, piece in enumerate(pieces, 1):
        client.h2.send_data(number, piece, end_stream=index == len(pieces))
    client.flush()


async def still_answers(client: H2Client) -> None:
    number = begin(client, "5")
    send(client, number, b"hello")
    assert (await client.answer(number)).body == b"hello"


@pytest.mark.parametrize(
    ("length", "pieces"),
    [("3", [b"four"]), ("5", [b"four"]), ("5", [b"fo", b"ur", b""]), ("1", [b"fo", b"ur"])],
)
async def test_a_body_that_is_not_of_its_length_ends_its_stream_and_no_other(length, pieces):
    async with served(echo) as (_, port):
        client = await H2Client.connect(port)
        number = begin(client, length)
        send(client, number, *pieces)
        assert (await client.answer(number)).reset == ErrorCode.PROTOCOL_ERROR
        await still_answers(client)
        client.close()


@pytest.mark.parametrize("lengths", [["x"], ["-1"], ["1", "2"], ["9" * 5000], [""]])
async def test_what_is_no_length_ends_its_stream(lengths):
    async with served(echo) as (_, port):
        client = await H2Client.connect(port)
        number = begin(client, *lengths)
        assert (await client.answer(number)).reset == ErrorCode.PROTOCOL_ERROR
        await still_answers(client)
        client.close()


async def test_a_body_that_never_comes_is_missed_at_once():
    async with served(echo) as (_, port):
        client = await H2Client.connect(port)
        number = begin(client, "3", end=True)
        assert (await client.answer(number)).reset == ErrorCode.PROTOCOL_ERROR
        await still_answers(client)
        client.close()


@pytest.mark.parametrize("body", [b"", b"four"])
async def test_a_body_of_its_length_is_answered(body):
    async with served(echo) as (_, port):
        client = await H2Client.connect(port)
        number = begin(client, str(len(body)), end=not body)
        if body:
            send(client, number, body)
        assert (await client.answer(number)).body == body
        client.close()
