"""The structure of WebP files.  Standard library only."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from model_store.images.exif import read_orientation
from model_store.images.limits import (
    ImageLimits,
    Still,
    check_frames,
    check_parts,
    check_size,
    cut_short,
)  # fmt: skip

MARKS = (b"WEBP",)

_KEY_FRAME = b"\x9d\x01\x2a"
_LOSSLESS = 0x2F


def read_webp(data: bytes, limits: ImageLimits) -> Still:
    """Read the chunks of a WebP; the file is left as it is, Pillow unpacks nothing else of it.

    Raises:
        BadImage: It has no picture.
        ImageTooLarge: It is beyond *limits*.
    """
    sizes, exif, frames = [], b"", 0
    for kind, start, end in _chunks(data):
        if kind == b"EXIF":
            exif = data[start:end]
        elif kind == b"ANMF":
            frames += 1
            check_frames(frames, limits)
        elif (size := _size(kind, data[start : start + 10])) is not None:
            check_size(*size, limits)
            sizes.append(size)
    if not sizes:
        raise cut_short()
    return Still("WEBP", *sizes[0], data, read_orientation(exif))


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Kind, start and end of the content of each chunk."""
    at, parts = 12, 0
    while at + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, at)
        yield kind, at + 8, min(at + 8 + length, len(data))
        at += 8 + length + length % 2
        parts += 1
        check_parts(parts)


def _size(kind: bytes, head: bytes) -> tuple[int, int] | None:
    """Width and height that a chunk tells of; None if it tells nothing."""
    if kind == b"VP8X" and len(head) == 10:
        return int.from_bytes(head[4:7], "little") + 1, int.from_bytes(head[7:10], "little") + 1
    if kind == b"VP8 " and head[3:6] == _KEY_FRAME and len(head) == 10:
        width, height = struct.unpack_from("<HH", head, 6)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L" and len(head) >= 5 and head[0] == _LOSSLESS:
        (bits,) = struct.unpack_from("<I", head, 1)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return None
