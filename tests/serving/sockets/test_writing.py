"""What is written arrives in its order, in as few pieces as were meant, and at once."""

from __future__ import annotations

import asyncio
import socket

from hypothesis import given
from hypothesis import strategies as st

from serving.sockets.writing import Writer
from tests.serving.sockets.clients import H2Client, echo, served


class Pieces(asyncio.Transport):
    """Keeps what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[bytes] = []
        self.is_closed = False

    def write(self, data: bytes) -> None:
        assert not self.is_closed
        self.pieces.append(data)

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True

    def get_write_buffer_size(self) -> int:
        return 0


async def test_what_is_written_soon_goes_in_one_piece_with_the_next_turn():
    transport = Pieces()
    writer = Writer(transport, 1.0)
    for piece in (b"a", b"b", b"c"):
        writer.write_soon(piece)
    assert transport.pieces == []
    await asyncio.sleep(0)
    assert transport.pieces == [b"abc"]
    writer.lose()


async def test_what_is_held_leaves_before_the_connection_is_closed():
    transport = Pieces()
    writer = Writer(transport, 1.0)
    writer.write_soon(b"last")
    writer.close()
    assert (transport.pieces, transport.is_closed) == ([b"last"], True)
    await asyncio.sleep(0)
    writer.lose()


async def test_a_connection_that_is_lost_takes_nothing_more():
    transport = Pieces()
    writer = Writer(transport, 1.0)
    writer.write_soon(b"for nobody")
    transport.close()
    writer.lose()
    writer.write(b"for nobody")
    await asyncio.sleep(0)
    assert transport.pieces == []


@given(steps=st.lists(st.sampled_from(["now", "soon", "turn"]), max_size=30))
def test_the_order_is_kept_however_now_and_soon_are_mixed(steps):
    async def write() -> tuple[bytes, bytes]:
        transport = Pieces()
        writer = Writer(transport, 1.0)
        given = b""
        for index, step in enumerate(steps):
            piece = b"%d " % index
            if step == "turn":
                await asyncio.sleep(0)
                assert b"".join(transport.pieces) == given
            else:
                given += piece
                (writer.write if step == "now" else writer.write_soon)(piece)
            if step == "now":
                assert b"".join(transport.pieces) == given
        writer.close()
        writer.lose()
        return given, b"".join(transport.pieces)

    given, written = asyncio.run(write())
    assert written == given


async def test_answers_of_one_turn_on_one_connection_leave_in_one_piece():
    all_are_there = asyncio.Barrier(6)

    async def together(scope, receive, send) -> None:
        await all_are_there.wait()
        await echo(scope, receive, send)

    async with served(together) as (server, port):
        client = await H2Client.connect(port)
        numbers = [client.begin(f"/{index}") for index in range(5)]
        while all_are_there.n_waiting < len(numbers):
            await asyncio.sleep(0)
        (connection,) = server._connections
        pieces, write = [], connection._transport.write
        connection._transport.write = lambda data: (pieces.append(data), write(data))
        await all_are_there.wait()
        for index, number in enumerate(numbers):
            assert (await client.answer(number)).headers[b"x-path"] == b"/%d" % index
        assert len(pieces) == 1
        client.close()


async def test_a_small_piece_waits_for_nobodys_acknowledgement():
    # Nagle's algorithm would keep an answer back while a window update is on its way.
    async with served(echo) as (server, port):
        client = await H2Client.connect(port)
        number = client.begin("/")
        await client.answer(number)
        (connection,) = server._connections
        sock = connection._transport.get_extra_info("socket")
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        client.close()
