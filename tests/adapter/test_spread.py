"""Kept connections are spread evenly over the processes that answer."""

from __future__ import annotations

import http.client
import math
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.spread import Counts, Spread, count_asked_lately, find_surplus
from tests.support import easel, free_port, wait_until_it_answers

CALLERS = 6
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="connections are counted on Linux only")


@given(st.lists(st.integers(0, 500), min_size=1, max_size=8))
def test_who_is_asked_to_leave_leaves_nobody_with_less_than_an_even_share(counts):
    share = sum(counts) / len(counts)
    for mine in counts:
        surplus = find_surplus(mine, counts)
        assert mine - surplus <= math.ceil(share)
        assert surplus == 0 or mine - surplus >= share


@given(st.lists(st.integers(0, 60), min_size=2, max_size=6))
def test_once_they_have_come_to_others_nobody_has_one_more_than_the_share(counts):
    while any(surplus := [find_surplus(mine, counts) for mine in counts]):
        before = max(counts)
        counts = [mine - less for mine, less in zip(counts, surplus, strict=True)]
        for _ in range(sum(surplus)):
            counts[counts.index(min(counts))] += 1
        assert max(counts) < before
    assert max(counts) <= math.ceil(sum(counts) / len(counts))


@contextmanager
def connection(family: socket.AddressFamily, host: str) -> Iterator[tuple[socket.socket, int]]:
    """A client's end of a connection to this very process, and the port."""
    with (
        socket.create_server((host, 0), family=family) as listener,
        socket.create_connection(listener.getsockname()[:2]) as client,
        closing(listener.accept()[0]),
    ):
        yield client, listener.getsockname()[1]


@LINUX
@pytest.mark.parametrize(
    ("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
)
def test_a_connection_counts_while_something_comes(family, host):
    if family == socket.AF_INET6 and not socket.has_ipv6:
        pytest.skip("there is no IPv6 here")
    with connection(family, host) as (client, port):
        client.sendall(b"GET")
        assert count_asked_lately(port) == 1
        while count_asked_lately(port, lately_ms=1):
            pass  # until it has been silent for so long
        assert count_asked_lately(port) == 1
        assert count_asked_lately(0) == 0  # those to other ports are not looked for
    assert count_asked_lately(port) == 0


@LINUX
def test_what_is_open_beside_connections_stays_as_it_was(tmp_path):
    with (
        (tmp_path / "file").open("wb") as file,
        connection(socket.AF_INET, "127.0.0.1") as (one, _),
    ):
        assert count_asked_lately(0) == 0
        file.write(b"still")
        one.sendall(b"here")
    assert (tmp_path / "file").read_bytes() == b"still"


def test_each_sees_what_all_have_told_but_not_who_has_gone(tmp_path):
    first, second = Counts(tmp_path, 3), Counts(tmp_path, 3)
    first.tell(7, 100.0)
    second.tell(3, 104.0)
    assert first.all(104.0) == second.all(104.0) == [7, 3]
    assert first.all(106.0) == [3]
    Counts(tmp_path, 3)
    with pytest.raises(OSError, match="more than 3 processes"):
        Counts(tmp_path, 3)


def test_as_many_are_asked_to_leave_as_are_too_many_and_not_again(tmp_path):
    spread, mine, other = Spread(), Counts(tmp_path, 2), Counts(tmp_path, 2)
    assert not spread.asks_to_leave()
    Spread().compare(other, 2)
    spread.compare(mine, 8)
    assert [spread.asks_to_leave() for _ in range(5)] == [True, True, True, False, False]
    spread.compare(mine, 8)
    spread.compare(mine, 5)  # some have gone meanwhile
    assert [spread.asks_to_leave() for _ in range(2)] == [True, False]


@LINUX
def test_callers_that_all_came_to_one_process_come_to_both_and_lose_no_answer(tmp_path):
    port = free_port()
    flags = ("--store", str(tmp_path), "--port", str(port), "--workers", "2")
    with easel("adapter", *flags) as process, ExitStack() as stack:
        wait_until_it_answers(process, port)

        def begin() -> http.client.HTTPConnection:
            caller = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            return stack.enter_context(closing(caller))

        callers: list[http.client.HTTPConnection] = []
        while len(callers) < CALLERS:  # some may have been asked to leave already
            by_process = split(process.pid, port, [begin() for _ in range(2 * CALLERS)])
            callers = max(by_process.values(), key=len)
            for each in by_process.values():
                if each is not callers:
                    for caller in each:
                        caller.close()
        while True:
            counts = [len(each) for each in split(process.pid, port, callers).values()]
            if len(counts) == 2 and abs(counts[0] - counts[1]) <= 1:
                break
            assert process.poll() is None


def split(
    command: int, port: int, callers: Sequence[http.client.HTTPConnection]
) -> dict[int, list[http.client.HTTPConnection]]:
    """Let each of *callers* ask once; which of them each of the command's processes has then."""
    for caller in callers:
        caller.request("GET", "/healthz")
        answer = caller.getresponse()
        assert (answer.status, answer.read()) == (200, b'{"status":"ok"}')
    owners = find_owners(command, port)
    found: dict[int, list[http.client.HTTPConnection]] = {}
    for caller in callers:
        # Who was asked to leave has closed its connection and opens another with its next request.
        owner = owners.get(caller.sock.getsockname()[1]) if caller.sock else None
        if owner is not None:
            found.setdefault(owner, []).append(caller)
    return found


def find_owners(command: int, port: int) -> dict[int, int]:
    """Which of the command's processes has the connection to *port* from a caller's port."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    callers = {
        f"socket:[{row[9]}]": int(row[2].partition(":")[2], 16)
        for row in rows
        if int(row[1].partition(":")[2], 16) == port
    }
    owners: dict[int, int] = {}
    children = Path(f"/proc/{command}/task/{command}/children").read_text().split()
    for child in children:
        for descriptor in Path(f"/proc/{child}/fd").iterdir():
            with suppress(FileNotFoundError):
                caller = callers.get(str(descriptor.readlink()))
                if caller is not None:
                    owners[caller] = int(child)
    return owners
