"""Where a request comes from, seen through the proxies that we trust, and nobody else's word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from model_store.errors import InvalidRequest

_MOST_HOPS = 16
_SUBSCRIBER_BITS = 64


@dataclass(frozen=True, slots=True)
class Proxies:
    """The networks whose X-Forwarded-For is believed."""

    networks: tuple[IPv4Network | IPv6Network, ...]

    def caller(self, peer: str, forwarded_for: str) -> str:
        """The address nearest to us that is not one of our proxies.

        Args:
            peer: Who has opened the connection.
            forwarded_for: The header; each proxy adds at its end whom it has it from.
        """
        if not self.networks or not forwarded_for or not _is_in(peer, self.networks):
            return peer
        nearest = peer
        for hop in reversed(forwarded_for.split(",")[-_MOST_HOPS:]):
            address = _normal(hop)
            if address is None:  # somebody's invention: what came before it is no better
                return nearest
            nearest = address
            if not _is_in(address, self.networks):
                return nearest
        return nearest


def read_proxies(texts: Sequence[str]) -> Proxies:
    """Addresses and networks (``10.0.0.0/8``) as a setting has them.

    Raises:
        InvalidRequest: One is neither.
    """
    try:
        return Proxies(tuple(ip_network(text) for text in texts))
    except ValueError as error:
        raise InvalidRequest(f"trusted_proxies: {error}") from error


def counted_as(caller: str) -> str:
    """Whose requests are counted together: of an IPv6 address those of its network of 64 bits.

    One subscriber has at least so many addresses (RFC 6177).  Other texts stay as they are.
    """
    parsed = _parsed(caller)
    if not isinstance(parsed, IPv6Address):
        return caller
    return str(ip_network((parsed, _SUBSCRIBER_BITS), strict=False))


@lru_cache(maxsize=4096)
def _is_in(address: str, networks: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    parsed = _parsed(address)
    return parsed is not None and any(parsed in network for network in networks)


def _normal(hop: str) -> str | None:
    """An address as proxies write it, with a port or without, in one spelling."""
    text = hop.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    parsed = _parsed(text)
    return None if parsed is None else str(parsed)


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    # The same caller, by way of a socket for both families.
    return getattr(address, "ipv4_mapped", None) or address
