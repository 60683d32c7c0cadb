"""Kept connections are spread evenly over the processes that answer.

Each process listens for itself, the system spreads new connections by a hash, and there they
stay: of forty, twenty-four may keep one process busy while the other has pauses.  So each tells
the others on how many connections it was asked lately.  Who has more than its share asks the
surplus to come again, with their next answers: by the hash, half of them come to another.
"""

from __future__ import annotations

import math
import mmap
import os
import socket
import struct
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from adapter.claims import claim

_EVERY_S = 0.1
# Counting takes no more of the time than this, however many connections there are.
_SHARE_OF_TIME = 0.005
# On a connection that was asked on within this time the next request is near.
_LATELY_MS = 1000
# A process that has told nothing for so long has ended.
_GONE_S = 5.0
_ROW_BYTES = 16

# Of Linux' `struct tcp_info`: the state, and how many milliseconds ago something came.
_INFO = struct.Struct("=B51xI")
_ESTABLISHED = 1


class Counts:
    """On how many connections each process was asked lately, in memory that all see.

    Each has a row that it alone writes: when, by the clock since the machine began, and how many.
    """

    def __init__(self, folder: Path, processes: int) -> None:
        """Take a row.

        Args:
            folder: The processes' own.
            processes: How many there are.

        Raises:
            OSError: The folder has gone, or there are more processes than rows.
        """
        row = claim(folder, "asked", range(processes))
        if row is None:
            raise OSError(f"there are more than {processes} processes")
        with (folder / "asked").open("ab+") as file:
            os.truncate(file.fileno(), processes * _ROW_BYTES)
            self._rows = memoryview(mmap.mmap(file.fileno(), processes * _ROW_BYTES)).cast("d")
        self._mine = 2 * row

    def tell(self, count: int, now: float) -> None:
        """This process was asked on *count*, as of *now* in seconds."""
        self._rows[self._mine] = now
        self._rows[self._mine + 1] = count

    def all(self, now: float) -> list[int]:
        """The counts of all processes that are there."""
        rows = self._rows.tolist()
        return [int(n) for at, n in zip(rows[::2], rows[1::2], strict=True) if now - at < _GONE_S]


class Spread:
    """What one process knows of everybody's connections; nobody is asked to leave at first."""

    def __init__(self) -> None:
        """Count nothing yet."""
        self._surplus: deque[None] = deque()

    def asks_to_leave(self) -> bool:
        """Whether who is answered now is to come again on another connection."""
        with suppress(IndexError):
            self._surplus.pop()
            return True
        return False

    def begin(self, folder: Path, port: int, processes: int) -> None:
        """Count in a thread from now on.

        Args:
            folder: The processes' own.
            port: On which all of them listen.
            processes: How many there are.
        """
        if processes > 1 and sys.platform == "linux":
            work = threading.Thread(target=self._run, args=(Counts(folder, processes), port))
            work.name, work.daemon = "spread", True
            work.start()

    def _run(self, counts: Counts, port: int) -> None:
        while True:
            begun = time.thread_time()
            self.compare(counts, count_asked_lately(port))
            time.sleep(max(_EVERY_S, (time.thread_time() - begun) / _SHARE_OF_TIME))

    def compare(self, counts: Counts, mine: int) -> None:
        """Tell the others of *mine*, and find out how many are too many beside theirs."""
        now = time.monotonic()
        counts.tell(mine, now)
        surplus = find_surplus(mine, counts.all(now))
        self._surplus.clear()
        self._surplus.extend([None] * surplus)


def find_surplus(mine: int, everybody: Sequence[int]) -> int:
    """How many of a process' connections are beyond an even share.

    Args:
        mine: How many it has.
        everybody: How many each process has, this one among them.
    """
    return max(mine - math.ceil(sum(everybody) / len(everybody)), 0)


def count_asked_lately(port: int, lately_ms: int = _LATELY_MS) -> int:
    """On how many connections to *port* something came to this process within *lately_ms*."""
    with os.scandir("/proc/self/fd") as descriptors:
        return sum(_was_asked_lately(int(each.name), port, lately_ms) for each in descriptors)


def _was_asked_lately(descriptor: int, port: int, lately_ms: int) -> bool:
    """False also for what is no connection, or none any more."""
    with suppress(OSError):
        # With family and kind it does not ask the system for them.
        each = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, descriptor)
        try:
            info = each.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO.size)
            if len(info) < _INFO.size:
                return False
            state, silent_ms = _INFO.unpack(info)
            if state != _ESTABLISHED or silent_ms > lately_ms:
                return False
            own_port: int = each.getsockname()[1]
            return own_port == port
        finally:
            each.detach()
    return False
