"""What this process may use of the machine: cores, their quota, and memory.

A container sees all of its host's cores and is given a part of their time.  Reads Linux'
cgroups, version 1 and 2, and changes nothing; files come from a function, so that a test
can be any machine.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

ReadText = Callable[[str], str | None]

# What version 1 writes for "no limit", give or take a page.
_UNLIMITED_BYTES = 1 << 60
_OCTAL = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Machine:
    """What the system lets this process use.

    Attributes:
        cores: Of the machine.
        allowed_cores: Of these, the ones that it may run on.
        quota: Cores' worth of time that its control group gets; None without a limit.
        memory_bytes: The group's limit, or else the machine's memory; None if unknown.
    """

    cores: int
    allowed_cores: int
    quota: float | None = None
    memory_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Mount:
    """Where one hierarchy of control groups can be seen.

    Attributes:
        point: The folder.
        root: Which group is seen there.
        controllers: Of version 1; empty for version 2.
    """

    point: str
    root: str
    controllers: frozenset[str]


def read_machine() -> Machine:
    """This process' own."""
    cores = os.cpu_count() or 1
    # Not on every system; where it is not, nobody pins processes to cores either.
    affinity = getattr(os, "sched_getaffinity", None)
    return machine_of(read_text, cores, len(affinity(0)) if affinity else cores)


def machine_of(read: ReadText, cores: int, allowed_cores: int) -> Machine:
    """What *read* shows of the control groups, beside the cores that were counted."""
    groups = memberships(read("/proc/self/cgroup") or "")
    seen = list(mounts(read("/proc/self/mountinfo") or ""))
    quotas, limits = [], [_total_memory(read("/proc/meminfo") or "")]
    for mount in seen:
        for folder in group_folders(mount, groups):
            quotas.append(_quota(read, folder, mount))
            limits.append(_memory_limit(read, folder, mount))
    return Machine(
        cores,
        allowed_cores,
        min([quota for quota in quotas if quota is not None], default=None),
        min([limit for limit in limits if limit is not None], default=None),
    )


def read_text(path: str) -> str | None:
    """A file's text; None where it cannot be read."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None


def memberships(text: str) -> dict[str, str]:
    """``/proc/self/cgroup``: the group's path by controller; version 2's under ``""``."""
    found = {}
    for line in text.splitlines():
        _, _, rest = line.partition(":")
        controllers, colon, path = rest.partition(":")
        if colon:
            found.update(dict.fromkeys(controllers.split(","), path))
    return found


def mounts(text: str) -> Iterator[Mount]:
    """``/proc/self/mountinfo``: where control groups are mounted."""
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        fields, kinds = before.split(" "), after.split(" ")
        if len(fields) < 5 or len(kinds) < 3 or kinds[0] not in ("cgroup", "cgroup2"):
            continue
        controllers = kinds[2].split(",") if kinds[0] == "cgroup" else []
        yield Mount(_unescaped(fields[4]), _unescaped(fields[3]), frozenset(controllers))


def group_folders(mount: Mount, groups: dict[str, str]) -> Iterator[str]:
    """Folders of this process' group and of those around it, each of which may limit it."""
    path = next(
        (groups[each] for each in (sorted(mount.controllers) or [""]) if each in groups), None
    )
    if path is None:
        return
    inside = PurePosixPath("/")
    # In a container the group's path may be the host's: then the mount shows the group itself.
    if PurePosixPath(path).is_relative_to(mount.root):
        inside /= PurePosixPath(path).relative_to(mount.root)
    for folder in (inside, *inside.parents):
        if ".." not in folder.parts:
            yield str(PurePosixPath(mount.point) / folder.relative_to("/"))


def _quota(read: ReadText, folder: str, mount: Mount) -> float | None:
    if mount.controllers:
        if "cpu" not in mount.controllers:
            return None
        words = [read(f"{folder}/cpu.cfs_quota_us"), read(f"{folder}/cpu.cfs_period_us")]
        return parse_quota(" ".join(word or "" for word in words))
    return parse_quota(read(f"{folder}/cpu.max") or "")


def parse_quota(text: str) -> float | None:
    """``QUOTA PERIOD`` in microseconds as cores; None for ``max``, ``-1`` or nonsense."""
    words = text.split()
    if len(words) != 2 or not all(word.isascii() and word.isdigit() for word in words):
        return None
    quota, period = map(int, words)
    return quota / period if quota and period else None


def _memory_limit(read: ReadText, folder: str, mount: Mount) -> int | None:
    if mount.controllers:
        is_ours = "memory" in mount.controllers
        text = read(f"{folder}/memory.limit_in_bytes") if is_ours else None
    else:
        text = read(f"{folder}/memory.max")
    word = (text or "").strip()
    limit = int(word) if word.isascii() and word.isdigit() else None
    return None if limit is None or limit >= _UNLIMITED_BYTES else limit


def _total_memory(text: str) -> int | None:
    found = re.search(r"^MemTotal:\s+(\d+) kB$", text, re.MULTILINE | re.ASCII)
    return int(found[1]) * 1024 if found else None


def _unescaped(word: str) -> str:
    r"""Paths in mountinfo write a blank as ``\040``."""
    return _OCTAL.sub(lambda found: chr(int(found[1], 8)), word)
