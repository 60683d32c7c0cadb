"""What inspecting a source can find, and how a person is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

What = Literal["runs code", "reads outside", "damaged", "too large"]
TRUST = "if you trust who made the file, add --trust"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a person should know before the source is loaded.

    Attributes:
        what: The kind of harm.
        where: The layer, opcode, node or member of an archive.
        message: One clause: what stands there.
        remedy: What to do instead.
        is_refused: Whether the source cannot be exported so; else it is a note.
    """

    what: What
    where: str
    message: str
    remedy: str = ""
    is_refused: bool = True

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" + (f"; {self.remedy}" if self.remedy else "")


def runs_code(where: str, message: str, remedy: str = "") -> Finding:
    """It would run what its maker wrote; ``--trust`` allows it."""
    return Finding("runs code", where, message, f"{remedy}; or, {TRUST}" if remedy else TRUST)


def reads_outside(where: str, message: str, remedy: str) -> Finding:
    """It would read or write files that are not its own; nothing allows it."""
    return Finding("reads outside", where, message, remedy)


def damaged(where: str, message: str) -> Finding:
    """It cannot be read to the end, so nobody can say what it holds."""
    return Finding("damaged", where, message, "save or download it again")


def too_large(where: str, message: str) -> Finding:
    """It says to need more than any model of its size does."""
    return Finding("too large", where, message, "ask its maker for a smaller or newly saved file")
