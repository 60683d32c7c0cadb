"""Where a request comes from, however many headers say something else."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.access.callers import counted_as, read_proxies
from model_store.errors import InvalidRequest

OURS = read_proxies(["10.0.0.0/8", "fd00::/8", "127.0.0.1"])
ADDRESSES = st.ip_addresses().map(str)


@pytest.mark.parametrize(
    ("peer", "header", "caller"),
    [
        ("10.0.0.1", "203.0.113.7", "203.0.113.7"),
        ("10.0.0.1", "198.51.100.1, 203.0.113.7", "203.0.113.7"),
        ("10.0.0.1", "203.0.113.7, 10.2.3.4", "203.0.113.7"),
        ("10.0.0.1", "203.0.113.7,10.2.3.4,127.0.0.1", "203.0.113.7"),
        ("10.0.0.1", "203.0.113.7:4711", "203.0.113.7"),
        ("10.0.0.1", "[2001:db8::1]:4711", "2001:db8::1"),
        ("10.0.0.1", "2001:DB8:0::1", "2001:db8::1"),
        ("10.0.0.1", "::ffff:203.0.113.7", "203.0.113.7"),
        ("::ffff:10.0.0.1", "203.0.113.7", "203.0.113.7"),
        ("fd00::1", "203.0.113.7", "203.0.113.7"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "unknown", "10.0.0.1"),
        ("10.0.0.1", "unknown, 10.0.0.9", "10.0.0.9"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        # Nobody else is believed.
        ("203.0.113.7", "198.51.100.1", "203.0.113.7"),
        ("", "198.51.100.1", ""),
    ],
)
def test_the_caller_is_who_came_to_the_first_of_our_proxies(peer, header, caller):
    assert OURS.caller(peer, header) == caller


@given(st.text() | ADDRESSES, st.text() | st.lists(ADDRESSES).map(", ".join))
def test_without_trust_the_header_says_nothing(peer, header):
    assert read_proxies([]).caller(peer, header) == peer


@given(st.text(max_size=40) | st.lists(ADDRESSES | st.text(max_size=5)).map(",".join))
def test_whatever_the_header_says_the_caller_is_an_address(header):
    ip_address(OURS.caller("10.0.0.1", header))


@given(st.lists(ADDRESSES, max_size=10), st.ip_addresses(v=4).filter(lambda ip: ip.is_global))
def test_what_a_caller_invents_is_never_the_caller(invented, real):
    header = ", ".join([*invented, str(real), "10.1.1.1"])
    assert OURS.caller("10.0.0.1", header) == str(real)


@pytest.mark.parametrize(
    ("caller", "counted"),
    [
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::ffff", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("::ffff:203.0.113.7", "::ffff:203.0.113.7"),
        ("203.0.113.7", "203.0.113.7"),
        ("shop", "shop"),
        ("", ""),
    ],
)
def test_addresses_that_one_subscriber_has_are_counted_together(caller, counted):
    assert counted_as(caller) == counted


@pytest.mark.parametrize("text", ["proxy.example", "10.0.0.0/33", "10.0.0.1/8", "", "*"])
def test_a_network_that_is_none_is_told(text):
    with pytest.raises(InvalidRequest, match="trusted_proxies"):
        read_proxies([text])
