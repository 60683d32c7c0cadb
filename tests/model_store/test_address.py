"""Whether an address is free: said before a server starts on it."""

from __future__ import annotations

import socket

import pytest

from model_store.address import check_free
from model_store.errors import AddressTaken, InvalidRequest


@pytest.fixture
def taken():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_port_that_another_program_has_is_told_plainly_with_the_remedy(taken):
    with pytest.raises(AddressTaken) as caught:
        check_free("127.0.0.1", taken, "choose another with --port")
    assert str(caught.value) == (
        f"port {taken} on 127.0.0.1 is taken by another program; choose another with --port"
    )


def test_a_port_taken_by_a_server_that_shares_ports_is_taken_too():
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        with pytest.raises(AddressTaken):
            check_free("127.0.0.1", listener.getsockname()[1], "")


def test_a_port_taken_on_one_address_is_taken_for_all(taken):
    with pytest.raises(AddressTaken):
        check_free("0.0.0.0", taken, "")


def test_a_port_is_free_again_when_the_program_ends():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
    check_free("127.0.0.1", port, "")


def test_port_0_is_always_free():
    check_free("no address at all", 0, "")


def test_an_address_of_another_machine_cannot_be_used():
    # 192.0.2.0/24 is kept for documentation (RFC 5737).
    with pytest.raises(AddressTaken, match="cannot be used"):
        check_free("192.0.2.1", 8080, "")


@pytest.mark.parametrize("host", ["", "no.such.host.invalid", "a" * 300])
def test_a_host_that_cannot_be_found_is_a_wrong_setting(host):
    with pytest.raises(InvalidRequest, match="no address of this machine"):
        check_free(host, 8080, "")


@pytest.mark.parametrize("port", [-1, 65536, 10**9])
def test_a_number_that_is_no_port_is_a_wrong_setting(port):
    with pytest.raises(InvalidRequest, match="must be from 0 to 65535"):
        check_free("127.0.0.1", port, "")
