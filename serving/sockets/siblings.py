"""Several processes on the same ports: a new connection goes to whoever has fewest.

The kernel spreads connections by chance, and one stays where it is: of four, three or all come
to one process of two in five cases of eight, while the other's core is idle.  So whoever
accepts one hands it on, before a byte of it is read, if another has fewer.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from serving.sockets.tally import Tally

logger = logging.getLogger(__name__)

_COUNTS = "connections"
_BACKLOG = 64
_CLOSED_IN_CHILDREN = getattr(socket, "MSG_CMSG_CLOEXEC", 0)

# Gets a connection and the number of the lane that it came on.
Take = Callable[[socket.socket, int], None]


class Siblings:
    """One process among the others.  Lives on one event loop.

    Attributes:
        tally: What each of them has to do.
    """

    def __init__(self, folder: Path, number: int, processes: int) -> None:
        """Take nothing yet.

        Args:
            folder: Where all of them meet; nobody else can look into it.
            number: Which process this is, from 1.
            processes: How many there are.

        Raises:
            OSError: ``prepare`` was not called for *folder*.
        """
        self._folder = folder
        self._number = number
        self.tally = Tally(folder / _COUNTS, number, processes)
        self._listener: socket.socket | None = None
        self._from: set[socket.socket] = set()
        self._to: dict[int, socket.socket] = {}

    @staticmethod
    def prepare(folder: Path, processes: int) -> None:
        """Make what the processes find in *folder*, before the first of them begins."""
        Tally.create(folder / _COUNTS, processes)

    def begin(self, take: Take) -> None:
        """Let the others hand over their connections to *take*."""
        path = self._path(self._number)
        path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listener.bind(str(path))
            listener.listen(_BACKLOG)
        except OSError as error:  # a path that is too long
            listener.close()
            logger.warning("connections stay where the system puts them: %s", error)
            return
        listener.setblocking(False)
        self._take, self._listener = take, listener
        asyncio.get_running_loop().add_reader(listener, self._meet, listener)
        self.tally.open()

    def end(self) -> None:
        """Take none any more, but those that have been handed over."""
        if self._listener is None:
            return
        self.tally.close()
        loop = asyncio.get_running_loop()
        self._meet(self._listener)
        for line in tuple(self._from):
            self._hear(line)
        for line in (self._listener, *self._from):
            loop.remove_reader(line)
            line.close()
        for line in self._to.values():
            line.close()
        self._listener = None
        self._from.clear()
        self._to.clear()

    def count(self, lane: int, change: int) -> None:
        """So many connections have come, or gone."""
        if self._listener is not None:
            self.tally.add(lane, change)

    def hand_over(self, connection: socket.socket, lane: int) -> bool:
        """Give a new connection to another who has fewer; returns whether it is gone."""
        if self._listener is None:
            return False
        other = self.tally.emptiest(lane)
        if other is None:
            return False
        self.tally.give(lane, other)
        try:
            line = self._to.get(other) or self._call(other)
            socket.send_fds(line, [bytes((self._number, lane))], [connection.fileno()])
        except OSError:  # it has gone, or does not keep up
            self.tally.give(lane, other, -1)
            self._hang_up(other)
            return False
        connection.close()
        return True

    def _path(self, number: int) -> Path:
        return self._folder / f"{number}.connections"

    def _call(self, other: int) -> socket.socket:
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        line.setblocking(False)
        self._to[other] = line
        line.connect(str(self._path(other)))
        return line

    def _hang_up(self, other: int) -> None:
        if line := self._to.pop(other, None):
            line.close()

    def _meet(self, listener: socket.socket) -> None:
        """Others want to hand over."""
        loop = asyncio.get_running_loop()
        with suppress(BlockingIOError):
            while True:
                line, _ = listener.accept()
                line.setblocking(False)
                self._from.add(line)
                loop.add_reader(line, self._hear, line)

    def _hear(self, line: socket.socket) -> None:
        """Take what is handed over on *line*, until nothing more is there."""
        while True:
            try:
                # Each message has a descriptor, so the system never joins two.
                said, descriptors, _, _ = socket.recv_fds(line, 2, 1, _CLOSED_IN_CHILDREN)
            except BlockingIOError:
                return
            except OSError:
                said = b""
            if not said:  # that process has ended
                asyncio.get_running_loop().remove_reader(line)
                line.close()
                self._from.discard(line)
                return
            giver, lane = said
            self.tally.take(lane, giver)
            for each in descriptors:  # none if this process has too many open
                self._take(socket.socket(fileno=each), lane)
