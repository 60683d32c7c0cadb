"""Things of which each process has one of its own, for as long as it lives."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable
from pathlib import Path


def claim(folder: Path, kind: str, numbers: Iterable[int]) -> int | None:
    """Take the first of *numbers* that no other process has.

    Args:
        folder: The processes' own; what is taken is locked there until its process ends.
        kind: Of what.
        numbers: Which there are.

    Returns:
        The number; None if all are taken.
    """
    for number in numbers:
        file = os.open(folder / f"{kind}-{number}", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            continue
        return number  # the file stays open, and locked
    return None
