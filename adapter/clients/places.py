"""One place to connect to: an address after its name was looked up."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address

from adapter.clients.servers import Address
from adapter.clients.tls import TlsFiles


@dataclass(frozen=True, slots=True)
class Place:
    """Where one server is, and how to speak to it.

    Attributes:
        address: As it was configured: what certificates and proxies know it by.
        ip: The IP address to connect to; empty for a Unix domain socket.
        tls: How connections are encrypted; None for not at all.
    """

    address: Address
    ip: str = ""
    tls: TlsFiles | None = None

    @property
    def name(self) -> str:
        """What its certificate says."""
        return "localhost" if self.address.is_socket_file else self.address.host

    @property
    def authority(self) -> str:
        """What proxies route by: the name, not what it was looked up to."""
        return "localhost" if self.address.is_socket_file else str(self.address)

    def __str__(self) -> str:
        if self.ip in ("", self.address.host):
            return str(self.address)
        return f"{self.address} ({self.ip})"


def is_fixed(address: Address) -> bool:
    """Whether there is no name to look up."""
    if address.is_socket_file:
        return True
    try:
        ip_address(address.host)
    except ValueError:
        return False
    return True


def find_places(addresses: Iterable[Address], tls: TlsFiles | None) -> list[Place]:
    """Look names up; one that is not known now has no place."""
    return [Place(address, ip, tls) for address in addresses for ip in _ips(address)]


def _ips(address: Address) -> tuple[str, ...]:
    if address.is_socket_file:
        return ("",)
    if is_fixed(address):
        return (address.host,)
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ()
    return tuple(dict.fromkeys(str(info[4][0]) for info in found))
