"""Folders and archives as containers: names that lead elsewhere, links, bombs."""

from __future__ import annotations

import os
import stat
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from export.inspect.finding import Finding, damaged, reads_outside, too_large

_MAX_MEMBERS = 200_000
# Packed weights are hardly smaller than weights; a bomb is thousands of times as large.
_MAX_UNPACKED_RATIO, _FREE_BYTES = 200, 256_000_000
_ENCRYPTED, _LOCAL_HEADER_BYTES = 0x1, 30
_REPACK = "save the model again, or pack the archive without it"
_PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def inspect_tree(folder: Path) -> Iterator[Finding]:
    """A folder's entries: only folders and files of its own may be there."""
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(parent, name)
            where = str(path.relative_to(folder))
            status = path.lstat()
            if stat.S_ISLNK(status.st_mode):
                yield reads_outside(where, "is a symbolic link", "put the file itself there")
            elif stat.S_ISREG(status.st_mode) and status.st_nlink > 1:
                yield reads_outside(
                    where, "is a hard link to a file elsewhere", "copy the folder, as with cp -r"
                )
            elif not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
                yield damaged(where, "is neither a file nor a folder")


def inspect_archive(archive: zipfile.ZipFile, size: int) -> Iterator[Finding]:
    """A zip's directory, before anything is unpacked.

    Args:
        archive: Opened for reading.
        size: Of the whole archive in bytes.
    """
    members = archive.infolist()
    if len(members) > _MAX_MEMBERS:
        yield too_large("the archive", f"has {len(members):,} members")
        return
    for member in members:
        yield from _inspect_member(member)
    for name, count in Counter(member.filename for member in members).items():
        if count > 1:
            yield damaged(f"member {name!r}", f"is there {count} times, and readers differ")
    unpacked = sum(member.file_size for member in members)
    if unpacked > _FREE_BYTES + _MAX_UNPACKED_RATIO * size:
        yield too_large("the archive", f"unpacks from {size:,} to {unpacked:,} bytes")
    yield from _overlaps(members)


def _inspect_member(member: zipfile.ZipInfo) -> Iterator[Finding]:
    where = f"member {member.filename!r}"
    # What the directory says, not what Python made of it: it cuts names at a NUL.
    name = member.orig_filename
    parts = name.replace("\\", "/").split("/")
    if name.startswith(("/", "\\")) or ".." in parts or ":" in parts[0] or "\0" in name:
        yield reads_outside(where, "would be unpacked outside the archive's folder", _REPACK)
    if stat.S_ISLNK(member.external_attr >> 16):
        yield reads_outside(where, "is a symbolic link", _REPACK)
    if member.flag_bits & _ENCRYPTED:
        yield damaged(where, "is encrypted")
    if member.compress_type not in _PACKINGS:
        yield damaged(where, f"is packed in a way that models are not ({member.compress_type})")


def _overlaps(members: list[zipfile.ZipInfo]) -> Iterator[Finding]:
    end = 0
    for member in sorted(members, key=lambda member: member.header_offset):
        if member.header_offset < end:
            yield damaged(f"member {member.filename!r}", "shares its bytes with another")
            return
        end = member.header_offset + _LOCAL_HEADER_BYTES + member.compress_size


def read_member(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    """One member's bytes; ValueError if there are more than *limit*, whatever its header says."""
    with archive.open(name) as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise ValueError(f"member {name!r} is longer than {limit:,} bytes")
    return content


def copy_member(archive: zipfile.ZipFile, name: str, target: IO[bytes]) -> None:
    """Unpack one member into a file that can be read in any order, no further than it declares."""
    left = archive.getinfo(name).file_size
    with archive.open(name) as file:
        while left and (block := file.read(min(left, 1 << 20))):
            left -= len(block)
            target.write(block)
    target.seek(0)
