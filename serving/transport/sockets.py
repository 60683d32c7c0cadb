"""The sockets that the server listens on, made here and handed to it.

Made here because an ASGI server takes several addresses but not "this port, and another of
the system's choice", and because closing them in time is part of the drain.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

_BACKLOG = 1024


@contextmanager
def listening(
    host: str, ports: tuple[int, ...], *, shares_ports: bool = False
) -> Iterator[list[socket.socket]]:
    """One listening socket for each of the *ports*; a port named twice has one.

    Args:
        host: Address to listen on.
        ports: 0 lets the system choose.
        shares_ports: Whether other processes of ours listen on them too.

    Raises:
        OSError: A port is taken, or *host* is no address of this machine.
    """
    sockets: list[socket.socket] = []
    try:
        for port in ports:
            same = [each for each in sockets if port and each.getsockname()[1] == port]
            sockets.append(same[0] if same else _bind(host, port, shares_ports=shares_ports))
        for each in sockets:
            each.listen(_BACKLOG)
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


@contextmanager
def reserved(host: str, ports: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Hold the *ports* for processes that listen on them with ``shares_ports``.

    Yields:
        Their numbers, with the system's choice in the place of 0.

    Raises:
        OSError: A port is taken, or *host* is no address of this machine.
    """
    with ExitStack() as stack:
        found: list[int] = []
        for port in ports:
            if port and port in found:
                found.append(port)
                continue
            holder = stack.enter_context(_bind(host, port, shares_ports=True))
            found.append(holder.getsockname()[1])
        yield tuple(found)


def _bind(host: str, port: int, *, shares_ports: bool) -> socket.socket:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, _, _, _, address = found[0]
    holder = socket.socket(family, socket.SOCK_STREAM)
    try:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shares_ports:
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind(address)
    except BaseException:
        holder.close()
        raise
    return holder
