"""Files out of archives that Python's library cannot open: Debian packages and Qt resources.

Nothing of them is run or written; names stay names inside the archive.
"""

from __future__ import annotations

import io
import struct
import tarfile
import zlib
from pathlib import Path

from model_store.errors import ExportRefused

_AR_MAGIC, _AR_HEADER = b"!<arch>\n", 60
_RCC_HEADER, _RCC_ENTRY = struct.Struct(">4sIIII"), 22
_COMPRESSED, _DIRECTORY, _ZSTANDARD = 1, 2, 4
_MAX_BYTES = 64 * 2**20


def read_deb(path: Path, names: tuple[str, ...]) -> dict[str, bytes]:
    """Files of a Debian package, by their full names without the first slash.

    Raises:
        ExportRefused: It is no Debian package, or lacks one of them.
    """
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(_data_member(path.read_bytes()))) as data:
            for member in data:
                name = member.name.removeprefix("./")
                if name in names and (file := data.extractfile(member)) is not None:
                    found[name] = file.read()
    except (tarfile.TarError, EOFError, ValueError, OSError) as error:
        raise ExportRefused(f"{path.name} is no Debian package: {error}") from error
    if missing := sorted(set(names) - found.keys()):
        raise ExportRefused(f"{path.name} has no {', '.join(missing)}")
    return found


def _data_member(content: bytes) -> bytes:
    """The archive ``data.tar.*`` inside: an `ar` file of members with 60-byte headers."""
    if not content.startswith(_AR_MAGIC):
        raise ValueError("it does not begin as an ar archive")
    at = len(_AR_MAGIC)
    while at + _AR_HEADER <= len(content):
        name, size = content[at : at + 16], int(content[at + 48 : at + 58])
        if size < 0:
            raise ValueError("a member has a negative length")
        start = at + _AR_HEADER
        if name.startswith(b"data.tar"):
            return content[start : start + size]
        at = start + size + size % 2  # members begin at even places
    raise ValueError("it holds no data.tar")


def read_rcc(content: bytes) -> dict[str, bytes]:
    """Files of a Qt resource collection (format 2 or 3) by path; ``rcc -binary`` writes them.

    Raises:
        ExportRefused: It is none, is damaged, or holds more than 64 MiB or Zstandard data.
    """
    try:
        return _files(content)
    except (struct.error, IndexError, ValueError, zlib.error) as error:
        raise ExportRefused(f"no Qt resources that can be read: {error}") from error


def _files(content: bytes) -> dict[str, bytes]:
    """Walk the tree of folders; each entry may be reached once, so that the walk ends."""
    tree, data, names = _tables(content)
    files: dict[str, bytes] = {}
    total, seen, left = 0, {0}, [(0, "")]
    while left:
        entry, path = left.pop()
        at = tree + entry * _RCC_ENTRY
        name_at, flags = struct.unpack_from(">IH", content, at)
        here = f"{path}/{_name(content, names + name_at)}" if entry else ""
        if flags & _DIRECTORY:
            inside = _children(content, at)
            if not seen.isdisjoint(inside):
                raise ValueError("its folders do not make a tree")
            seen.update(inside)
            left.extend((child, here) for child in reversed(inside))
            continue
        (offset,) = struct.unpack_from(">I", content, at + 10)
        file = _file(content, data + offset, flags)
        total += len(file)
        if here in files or total > _MAX_BYTES:
            raise ValueError("a name comes twice, or it holds too much")
        files[here] = file
    return files


def _children(content: bytes, at: int) -> range:
    count, first = struct.unpack_from(">II", content, at + 6)
    if count > len(content) // _RCC_ENTRY:
        raise ValueError("a folder has more files than there is room for")
    return range(first, first + count)


def _tables(content: bytes) -> tuple[int, int, int]:
    """Where the tree, the data and the names begin."""
    magic, version, tree, data, names = _RCC_HEADER.unpack_from(content)
    if magic != b"qres" or version not in (2, 3):
        raise ValueError("it does not begin as one")
    return tree, data, names


def _name(content: bytes, at: int) -> str:
    (length,) = struct.unpack_from(">H", content, at)
    text = content[at + 6 : at + 6 + 2 * length]  # between them a hash of four bytes
    if len(text) != 2 * length:
        raise ValueError("a name is cut short")
    return text.decode("utf-16-be")


def _file(content: bytes, at: int, flags: int) -> bytes:
    (size,) = struct.unpack_from(">I", content, at)
    packed = content[at + 4 : at + 4 + size]
    if len(packed) != size or flags & _ZSTANDARD:
        raise ValueError("a file is cut short, or compressed as this cannot read")
    if not flags & _COMPRESSED:
        return packed
    # Qt writes the length first, as four bytes.
    unpacker = zlib.decompressobj()
    data = unpacker.decompress(packed[4:], _MAX_BYTES)
    if not unpacker.eof:
        raise ValueError("a file is cut short or too large")
    return data
