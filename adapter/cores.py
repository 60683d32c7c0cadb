"""Each process that answers stays on a core of its own, where there is one for each.

The threads of a process take turns at Python's lock.  On several cores each turn wakes another
core, whose caches are cold: a third of what a drawing costs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection
from pathlib import Path

from adapter.claims import claim
from adapter.config import Switch


def find_cores() -> frozenset[int]:
    """Which cores this process may use; none where the system does not say."""
    return frozenset(os.sched_getaffinity(0)) if sys.platform == "linux" else frozenset()


def have_one_each(switch: Switch, processes: int, cores: Collection[int]) -> bool:
    """Whether so many processes stay on a core each.

    By ``auto`` if there are exactly as many of both: to fewer processes the system gives the
    cores that others leave, and more would have to share.
    """
    if switch == "auto":
        return processes == len(cores) > 1
    return switch == "on" and 0 < processes <= len(cores)


def take_core(folder: Path, cores: Collection[int]) -> int | None:
    """Keep this thread, and those that it starts, on a core that no other process has taken.

    Args:
        folder: The processes' own; what is taken is locked there until its process ends.
        cores: Which there are.

    Returns:
        The core; None if all are taken.
    """
    core = claim(folder, "core", sorted(cores))
    if core is not None:
        os.sched_setaffinity(0, {core})
    return core
