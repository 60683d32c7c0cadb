"""Whether an address is free, asked before a server is started on it."""

from __future__ import annotations

import errno
import socket

from model_store.errors import EaselError


class AddressTaken(EaselError):
    """Another program listens there already."""


def check_free(host: str, port: int, remedy: str) -> None:
    """Return if *host*:*port* can be listened on; port 0 always can.

    Asked before the start because servers that share ports (SO_REUSEPORT) would start
    beside the other program and take half of its connections.

    Raises:
        AddressTaken: It cannot; the message ends with *remedy*.
    """
    if port == 0:
        return
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            reason = "is taken by another program" if error.errno == errno.EADDRINUSE else (
                f"cannot be used ({error.strerror})"
            )
            raise AddressTaken(f"port {port} on {host} {reason}; {remedy}") from error
