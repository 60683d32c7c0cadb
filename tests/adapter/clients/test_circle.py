"""Whose turn it is among servers that are found by name."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import pytest

from adapter.clients.circle import Answered, Circle
from adapter.clients.places import Place, find_places, is_fixed
from adapter.clients.servers import Address, parse_group

NAME = parse_group("tfs://serving:8500")


@dataclass(eq=False)
class Server:
    """A client of a server that is not there."""

    place: Place
    is_well: bool = True
    is_closed: bool = False

    def predict(self, model, version, inputs, *, timeout_s):
        return Answered(1, {})

    def is_ready(self, *, timeout_s):
        return self.is_well

    def close(self):
        self.is_closed = True


@dataclass
class Names:
    """A name service: where ``serving`` is, and how often it was asked."""

    ips: list[str]
    asked: int = 0
    more: threading.Condition = field(default_factory=threading.Condition)

    def find(self, addresses, tls):
        with self.more:
            self.asked += 1
            self.more.notify_all()
            return [Place(address, ip, tls) for address in addresses for ip in self.ips]

    def wait(self, times: int) -> None:
        with self.more:
            wanted = self.asked + times
            assert self.more.wait_for(lambda: self.asked >= wanted, 30)


@pytest.fixture
def names():
    return Names(["10.0.0.1", "10.0.0.2"])


@pytest.fixture
def circle(names):
    circle = Circle(NAME, None, Server, names.find)
    yield circle
    circle.close()


def ips(circle, turns=6):
    return {circle.next(timeout_s=30).place.ip for _ in range(turns)}


def test_a_name_with_several_addresses_is_several_servers(circle):
    assert ips(circle) == {"10.0.0.1", "10.0.0.2"}


def test_a_server_that_moved_is_found_at_once_after_it_failed_somebody(circle, names):
    old = circle.next(timeout_s=30)
    names.ips = ["10.0.0.3"]
    while "10.0.0.3" not in ips(circle):
        circle.leave_out(old)
        names.wait(1)
    assert ips(circle) == {"10.0.0.3"}
    # Somebody may still be waiting for its answer.
    assert not old.client.is_closed


def test_a_name_service_that_is_away_takes_no_server_away(circle, names):
    member = circle.next(timeout_s=30)
    names.ips = []
    for _ in range(3):
        circle.leave_out(member)
        names.wait(1)
    assert {each.place.ip for each in circle.members(timeout_s=30)} == {"10.0.0.1", "10.0.0.2"}


def test_a_name_that_nobody_knows_yet_is_looked_up_until_it_is(names):
    names.ips = []
    circle = Circle(NAME, None, Server, names.find)
    assert circle.next(timeout_s=30) is None
    names.ips = ["10.0.0.9"]
    while circle.next(timeout_s=30) is None:
        names.wait(1)
    assert ips(circle) == {"10.0.0.9"}
    circle.close()


def test_everything_is_closed_with_it(names):
    circle = Circle(NAME, None, Server, names.find)
    members = circle.members(timeout_s=30)
    circle.close()
    assert [member.client.is_closed for member in members] == [True, True]
    assert circle.next(timeout_s=0) is None


@pytest.mark.parametrize(
    ("address", "fixed"),
    [
        (Address("10.0.0.1", 1), True),
        (Address("::1", 1), True),
        (Address("/run/easel.sock"), True),
        (Address("serving", 1), False),
        (Address("localhost", 1), False),
    ],
)
def test_only_names_are_looked_up(address, fixed):
    assert is_fixed(address) is fixed
    if fixed:
        ip = "" if address.is_socket_file else address.host
        assert find_places([address], None) == [Place(address, ip)]


def test_places_are_found_by_the_system():
    assert "127.0.0.1" in {place.ip for place in find_places([Address("localhost", 1)], None)}
    assert find_places([Address("no.such.host.invalid", 1)], None) == []
    assert find_places([Address("x" * 300, 1)], None) == []
