"""Whether an address is free, asked before a server is started on it."""

from __future__ import annotations

import errno
import socket

from model_store.errors import AddressTaken, InvalidRequest


def check_free(host: str, port: int, remedy: str) -> None:
    """Return if *host*:*port* can be listened on; port 0 always can.

    Asked before the start because servers that share ports (SO_REUSEPORT) would start
    beside the other program and take half of its connections.

    Raises:
        AddressTaken: It cannot; the message ends with *remedy*.
        InvalidRequest: There is no such address.
    """
    if port == 0:
        return
    if not 0 < port < 65536:  # getaddrinfo would take it modulo 65536
        raise InvalidRequest(f"port {port} must be from 0 to 65535")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, ValueError) as error:
        raise InvalidRequest(f"{host} is no address of this machine: {error}") from error
    family, _, _, _, address = found[0]
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            is_taken = error.errno == errno.EADDRINUSE
            reason = "is taken by another program" if is_taken else f"cannot be used ({error})"
            raise AddressTaken(f"port {port} on {host} {reason}; {remedy}") from error
