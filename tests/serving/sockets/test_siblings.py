"""Connections that several processes on the same ports hand to each other.

Here all of them live on one event loop; ``test_supervisor`` has real ones.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from serving.sockets.limits import Limits
from serving.sockets.server import SocketServer
from serving.sockets.siblings import Siblings
from serving.sockets.tally import LANES, Tally
from tests.serving.sockets.clients import WAIT_S

CLOSE = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
KEEP = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


def named(name: bytes):
    """An application that says which process it is."""

    async def app(scope, receive, send) -> None:
        headers = [(b"content-length", b"%d" % len(name))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": name, "more_body": False})

    return app


class Process:
    """A server that thinks it is one of several processes."""

    def __init__(self, folder: Path, number: int, processes: int) -> None:
        siblings = Siblings(folder, number, processes)
        self.server = SocketServer(named(b"%d" % number), Limits(), siblings=siblings)
        self.ports: list[int] = []

    def begin(self, lanes: int = 1, tls: ssl.SSLContext | None = None) -> None:
        for _ in range(lanes):
            sock = socket.create_server(("127.0.0.1", 0))
            self.ports.append(sock.getsockname()[1])
            self.server.listen(sock, tls)
        self.server.join_siblings()


@asynccontextmanager
async def processes(folder: Path, count: int, lanes: int = 1) -> AsyncIterator[list[Process]]:
    Siblings.prepare(folder, count)
    found = [Process(folder, number, count) for number in range(1, count + 1)]
    for each in found:
        each.begin(lanes)
    try:
        yield found
    finally:
        for each in found:
            await each.server.close(5.0)


class Clients:
    """Connections that are kept until the test ends."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    async def connect(self, port: int, count: int) -> tuple[list[socket.socket], list[str]]:
        """So many more, and by whom each is answered."""
        made = []
        for _ in range(count):
            made.append(self._stack.enter_context(socket.socket()))
            made[-1].setblocking(False)
            await asyncio.get_running_loop().sock_connect(made[-1], ("127.0.0.1", port))
        return made, [await self.ask(each) for each in made]

    async def ask(self, client: socket.socket) -> str:
        """Which process answers."""
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(client, KEEP)
        async with asyncio.timeout(WAIT_S):
            answer = await loop.sock_recv(client, 1000)
        assert b" 200 " in answer
        return answer[-1:].decode()

    async def leave(self, client: socket.socket) -> None:
        """Wait until the server has closed it."""
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(client, CLOSE)
        async with asyncio.timeout(WAIT_S):
            while await loop.sock_recv(client, 1000):
                pass


@pytest.fixture
def clients():
    with ExitStack() as stack:
        yield Clients(stack)


async def test_whoever_accepts_all_connections_gives_the_others_their_share(tmp_path, clients):
    async with processes(tmp_path, 3) as found:
        _, answered = await clients.connect(found[0].ports[0], 9)
        assert sorted(answered) == ["1"] * 3 + ["2"] * 3 + ["3"] * 3


async def test_one_who_lost_its_connections_is_given_the_next_ones(tmp_path, clients):
    async with processes(tmp_path, 2) as found:
        made, answered = await clients.connect(found[0].ports[0], 4)
        for client, number in zip(made, answered, strict=True):
            if number == "2":
                await clients.leave(client)
        _, answered = await clients.connect(found[0].ports[0], 2)
        assert answered == ["2", "2"]


async def test_the_ports_are_counted_each_by_itself(tmp_path, clients):
    async with processes(tmp_path, 2, lanes=2) as found:
        first, second = found[0].ports
        _, answered = await clients.connect(first, 1)
        assert answered == ["1"]
        _, answered = await clients.connect(second, 2)
        assert sorted(answered) == ["1", "2"]


async def test_who_has_ended_is_given_none(tmp_path, clients):
    async with processes(tmp_path, 2) as found:
        await found[1].server.close(1.0)
        _, answered = await clients.connect(found[0].ports[0], 4)
        assert answered == ["1"] * 4


async def test_nothing_is_lost_to_one_who_was_killed(tmp_path, clients):
    """It left its counts as they were, and the path of its socket."""
    Siblings.prepare(tmp_path, 2)
    Tally(tmp_path / "connections", 2, 2).open()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as left:
        left.bind(str(tmp_path / "2.connections"))
    alone = Process(tmp_path, 1, 2)
    alone.begin()
    try:
        _, answered = await clients.connect(alone.ports[0], 4)
        assert answered == ["1"] * 4
        follower = Process(tmp_path, 2, 2)
        follower.begin()
        _, answered = await clients.connect(alone.ports[0], 4)
        assert answered == ["2"] * 4
        await follower.server.close(1.0)
    finally:
        await alone.server.close(1.0)


async def test_connections_on_this_machine_stay_where_they_are(tmp_path):
    path = str(tmp_path / "local")
    async with processes(tmp_path, 2) as found:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        found[0].server.listen(listener)
        for _ in range(3):
            reader, writer = await asyncio.open_unix_connection(path)
            writer.write(CLOSE)
            async with asyncio.timeout(WAIT_S):
                assert (await reader.read())[-1:] == b"1"
            writer.close()
            await writer.wait_closed()


async def test_tls_begins_with_who_is_given_the_connection(tmp_path):
    ca = trustme.CA()
    theirs, ours = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    ca.issue_cert("127.0.0.1").configure_cert(theirs)
    ca.configure_trust(ours)
    Siblings.prepare(tmp_path, 2)
    found = [Process(tmp_path, number, 2) for number in (1, 2)]
    for each in found:
        each.begin(tls=theirs)
    writers, answered = [], []
    try:
        for _ in range(4):
            async with asyncio.timeout(WAIT_S):
                reader, writer = await asyncio.open_connection(
                    "127.0.0.1", found[0].ports[0], ssl=ours
                )
                writers.append(writer)
                writer.write(KEEP)
                await reader.readuntil(b"\r\n\r\n")
                answered.append(await reader.readexactly(1))
    finally:
        for writer in writers:
            writer.transport.abort()
        for each in found:
            await each.server.close(1.0)
    assert sorted(answered) == [b"1", b"1", b"2", b"2"]


async def test_a_handshake_that_fails_is_not_counted(tmp_path):
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(tls)
    Siblings.prepare(tmp_path, 2)
    one = Process(tmp_path, 1, 2)
    one.begin(tls=tls)
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", one.ports[0])
        writer.write(b"this is no TLS at all\r\n\r\n")
        async with asyncio.timeout(WAIT_S):
            await reader.read()
        writer.close()
        two = Tally(tmp_path / "connections", 2, 2)
        two.open()
        assert two.emptiest(0) is None, "the first has none"
    finally:
        await one.server.close(1.0)


async def test_a_folder_whose_name_is_too_long_leaves_each_with_its_own(tmp_path, clients, caplog):
    folder = tmp_path / ("x" * 120)
    folder.mkdir()
    async with processes(folder, 2) as found:
        _, answered = await clients.connect(found[0].ports[0], 4)
        assert answered == ["1"] * 4
    assert "connections stay where the system puts them" in caplog.text


@given(st.data())
def test_every_connection_is_counted_once_wherever_it_is(tmp_path_factory, data):
    """Whatever comes, is given, taken and ends, in any order."""
    count = data.draw(st.integers(2, 4), label="processes")
    path = tmp_path_factory.mktemp("tally") / "connections"
    Tally.create(path, count)
    tallies = [Tally(path, number, count) for number in range(1, count + 1)]
    for each in tallies:
        each.open()
    has = [0] * count
    coming: list[tuple[int, int]] = []
    lane = data.draw(st.integers(0, LANES - 1), label="lane")
    for step in data.draw(st.lists(st.sampled_from(["come", "take", "end", "restart"]))):
        which = data.draw(st.integers(0, count - 1))
        mine = tallies[which]
        loads = [has[i] + sum(to == i for _, to in coming) for i in range(count)]
        if step == "come":
            other = mine.emptiest(lane)
            if other is None:
                assert loads[which] == min(loads)
                mine.add(lane, 1)
                has[which] += 1
            else:
                assert loads[other - 1] == min(loads) < loads[which]
                mine.give(lane, other)
                coming.append((which, other - 1))
        elif step == "take" and any(to == which for _, to in coming):
            giver = next(giver for giver, to in coming if to == which)
            coming.remove((giver, which))
            mine.take(lane, giver + 1)
            mine.add(lane, 1)
            has[which] += 1
        elif step == "end" and has[which]:
            mine.add(lane, -1)
            has[which] -= 1
        elif step == "restart":
            tallies[which] = Tally(path, which + 1, count)
            tallies[which].open()
            has[which] = 0
            coming = [(giver, to) for giver, to in coming if to != which]


def test_who_takes_none_yet_is_never_the_emptiest(tmp_path):
    path = tmp_path / "connections"
    Tally.create(path, 3)
    one = Tally(path, 1, 3)
    one.open()
    one.add(0, 5)
    assert one.emptiest(0) is None
    Tally(path, 3, 3).open()
    assert one.emptiest(0) == 3


def test_others_are_busy_while_each_of_them_has_requests(tmp_path):
    path = tmp_path / "connections"
    Tally.create(path, 3)
    one, two, three = (Tally(path, number, 3) for number in (1, 2, 3))
    for each in (one, two, three):
        each.open()
    two.note_work(2)
    assert not one.are_others_busy(), "the third has nothing to do"
    three.note_work(1)
    assert one.are_others_busy()
    assert not two.are_others_busy(), "nor has the first"
    three.note_work(0)
    assert not one.are_others_busy()
    three.note_work(1)
    three.close()
    assert not one.are_others_busy(), "who has ended does nothing"


def test_counts_that_nobody_has_prepared_are_an_error(tmp_path):
    with pytest.raises(OSError, match="connections"):
        Siblings(tmp_path, 1, 2)
