"""How many connections and requests each of several processes has, in memory that all see.

Every number has one process that writes it, so that none needs a lock: a connection that is
handed over is counted by who gives it, and by who has taken it.
"""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from pathlib import Path

# Ports that are counted each by itself.
LANES = 4
_NUMBER_BYTES = 8
# More than there can be connections: who takes none has so many.
_CLOSED = 1 << 40


@dataclass(frozen=True, slots=True)
class _Row:
    """Where the numbers of one process for one lane stand.

    How many it has, how many it gave to each process, how many it took from each.
    """

    begin: int
    processes: int

    @property
    def has(self) -> int:
        return self.begin

    def gave(self, to: int) -> int:
        return self.begin + 1 + to

    def took(self, giver: int) -> int:
        return self.begin + 1 + self.processes + giver


class Tally:
    """The counts, as one process reads them and writes its own."""

    def __init__(self, path: Path, number: int, processes: int) -> None:
        """Read the file at *path*, which ``create`` has made.

        Args:
            path: Of the counts.
            number: Which process this is, from 1.
            processes: How many there are.

        Raises:
            OSError: It cannot be read.
        """
        self._mine = number - 1
        self._processes = processes
        work = [self._row(LANES, which).has for which in range(processes)]
        self._my_work = work.pop(self._mine)
        self._others_work = work
        with path.open("r+b") as file:
            self._numbers = memoryview(mmap.mmap(file.fileno(), 0)).cast("q")

    @staticmethod
    def create(path: Path, processes: int) -> None:
        """Write a file in which nobody takes connections yet."""
        row = 1 + 2 * processes
        rows = (LANES + 1) * processes
        numbers = memoryview(bytearray(rows * row * _NUMBER_BYTES)).cast("q")
        for which in range(LANES * processes):
            numbers[which * row] = _CLOSED
        path.write_bytes(numbers)

    def open(self) -> None:
        """This process takes connections from now on and has none; a predecessor's are lost."""
        for lane in range(LANES):
            mine = self._row(lane, self._mine)
            for other in range(self._processes):
                gave = self._row(lane, other).gave(self._mine)
                self._numbers[mine.took(other)] = self._numbers[gave]
            self._numbers[mine.has] = 0
        self.note_work(0)

    def close(self) -> None:
        """This process takes none any more."""
        for lane in range(LANES):
            self._numbers[self._row(lane, self._mine).has] = _CLOSED
        self.note_work(0)

    def add(self, lane: int, change: int) -> None:
        """This process has so many connections more."""
        self._add(self._row(lane, self._mine).has, change)

    def give(self, lane: int, other: int, change: int = 1) -> None:
        """So many connections are on their way to the process *other*."""
        self._add(self._row(lane, self._mine).gave(other - 1), change)

    def take(self, lane: int, giver: int) -> None:
        """This process has one that *giver* gave; ``add`` counts it."""
        self._add(self._row(lane, self._mine).took(giver - 1), 1)

    def note_work(self, requests: int) -> None:
        """This process has so many requests inside."""
        self._numbers[self._my_work] = requests

    def are_others_busy(self) -> bool:
        """Whether every other process has requests inside."""
        return all([self._numbers[each] > 0 for each in self._others_work])

    def emptiest(self, lane: int) -> int | None:
        """The process with fewest connections; None if none has fewer than this one."""
        loads = [self._load(lane, each) for each in range(self._processes)]
        least = min(loads)
        return loads.index(least) + 1 if least < loads[self._mine] else None

    def _load(self, lane: int, which: int) -> int:
        """Connections of a process, with those on their way to it."""
        row, numbers = self._row(lane, which), self._numbers
        coming = sum(
            numbers[self._row(lane, other).gave(which)] - numbers[row.took(other)]
            for other in range(self._processes)
        )
        return numbers[row.has] + coming

    def _row(self, lane: int, which: int) -> _Row:
        begin = (lane * self._processes + which) * (1 + 2 * self._processes)
        return _Row(begin, self._processes)

    def _add(self, at: int, change: int) -> None:
        self._numbers[at] += change
