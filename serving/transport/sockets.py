"""The sockets that the server listens on, made here and handed to it.

Made here because an ASGI server takes several addresses but not "this port, and another of
the system's choice", and because closing them in time is part of the drain.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass

from serving.transport.local_socket import BACKLOG


@dataclass(frozen=True, slots=True)
class Listeners:
    """What is listened on.

    Attributes:
        ports: One for each port that was asked for, in that order; the same one for the same.
        local: The Unix domain socket, if one was asked for.
    """

    ports: tuple[socket.socket, ...]
    local: socket.socket | None = None

    def each(self) -> list[socket.socket]:
        """Each socket once."""
        local = () if self.local is None else (self.local,)
        return list(dict.fromkeys((*self.ports, *local)))


@contextmanager
def listening(
    host: str,
    ports: tuple[int, ...],
    local: AbstractContextManager[socket.socket] | None = None,
    *,
    shares_ports: bool = False,
) -> Iterator[Listeners]:
    """Listen on the *ports*, and on *local* if there is one, until the block ends.

    Args:
        host: Address to listen on.
        ports: 0 lets the system choose.
        local: Opens a Unix domain socket.
        shares_ports: Whether other processes of ours listen on them too.

    Raises:
        AddressTaken: Another process listens at the local socket's path.
        InvalidRequest: That path cannot be listened on.
        OSError: A port is taken, or *host* is no address of this machine.
    """
    sockets: list[socket.socket] = []
    try:
        for port in ports:
            same = [each for each in sockets if port and each.getsockname()[1] == port]
            sockets.append(same[0] if same else _bind(host, port, shares_ports=shares_ports))
        for each in sockets:
            each.listen(BACKLOG)
        with local or nullcontext() as opened:
            yield Listeners(tuple(sockets), opened)
    finally:
        for each in sockets:
            each.close()


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
