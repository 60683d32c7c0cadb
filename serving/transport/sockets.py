"""The sockets that the server listens on, made here and handed to it.

Made here because an ASGI server takes several addresses but not "this port, and another of
the system's choice", and because closing them in time is part of the drain.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_BACKLOG = 1024


@contextmanager
def listening(host: str, ports: tuple[int, ...]) -> Iterator[list[socket.socket]]:
    """One listening socket for each of the *ports*; a port named twice has one.

    Raises:
        OSError: A port is taken, or *host* is no address of this machine.
    """
    sockets: list[socket.socket] = []
    try:
        for port in ports:
            same = [each for each in sockets if port and each.getsockname()[1] == port]
            sockets.append(same[0] if same else _listen(host, port))
        yield sockets
    finally:
        for each in sockets:
            each.close()


def refuse_more(sockets: list[socket.socket]) -> None:
    """Let no connection begin any more: a caller is refused at once and can go elsewhere."""
    for each in sockets:
        with suppress(OSError):  # named twice, and shut already
            each.shutdown(socket.SHUT_RDWR)


def address_of(listener: socket.socket) -> str:
    """``host:port`` to call."""
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _listen(host: str, port: int) -> socket.socket:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, _, _, _, address = found[0]
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener
