"""Where a worker stands among its siblings, and what it was given by their supervisor."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Place:
    """A worker among its siblings.

    Attributes:
        folder: Where all of them write; nobody else can.
        number: Which one this is, from 1.
        is_successor: Whether another was there before, and the others serve meanwhile.
        output: Descriptor of the command's standard output.
        local: That of the Unix domain socket, on which all listen; -1 without one.
    """

    folder: Path
    number: int
    is_successor: bool = False
    output: int = 2
    local: int = -1

    @property
    def file(self) -> Path:
        """Its own counts."""
        return self.folder / f"{self.number}.json"

    @property
    def done(self) -> Path:
        """What its versions have done."""
        return self.folder / f"{self.number}.done"
