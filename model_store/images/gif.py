"""The structure of GIF files.  Standard library only.

Kept are the page, its palette, and the first picture with its transparency.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from model_store.images.limits import (
    MAX_PARTS,
    ImageLimits,
    Still,
    check_frames,
    check_parts,
    check_size,
    cut_short,
)  # fmt: skip

MARKS = (b"GIF87a", b"GIF89a")

_IMAGE, _EXTENSION = 0x2C, 0x21
_TRAILER = b";"
# What lies before the next of these is passed over, if it is near.
_BEGINNING = re.compile(rb"[,!;]")
_MAX_GAP_BYTES = 1024
_CONTROL = b"\x21\xf9\x04"
_CONTROL_BYTES = 8
_HAS_PALETTE = 0x80
# The shortest picture: where it is, and nothing in it.
_IMAGE_BYTES = 12
# Programs fill the blocks of a picture, 255 bytes each, but for the last.
_BYTES_A_BLOCK = 200


def read_gif(data: bytes, limits: ImageLimits) -> Still:
    """Read the blocks of a GIF.

    Raises:
        BadImage: It ends before its first picture does.
        ImageTooLarge: It is beyond *limits*.
    """
    if len(data) < 13:
        raise cut_short()
    page, flags = struct.unpack_from("<HH", data, 6), data[10]
    head = data[: 13 + _palette_bytes(flags)]
    control, picture, (width, height) = b"", b"", page
    frames = 0
    for start, end in _blocks(data, len(head)):
        if data[start] == _IMAGE:
            frames += 1
            check_frames(frames, limits)
            if frames == 1:
                width, height = _shown(data, start, page)
                check_size(width, height, limits)
                picture = data[start:end]
        elif data.startswith(_CONTROL, start) and not frames:
            control = data[start : start + _CONTROL_BYTES]
    if not picture:
        raise cut_short()
    return Still("GIF", width, height, head + control + picture + b";")


def _blocks(data: bytes, at: int) -> Iterator[tuple[int, int]]:
    """Start and end of each picture and extension, up to the trailer."""
    parts, most = 0, MAX_PARTS + len(data) // _BYTES_A_BLOCK
    while (begun := _BEGINNING.search(data, at, at + _MAX_GAP_BYTES)) and begun[0] != _TRAILER:
        start = begun.start()
        if start + _IMAGE_BYTES > len(data):
            return
        at = start + _head_bytes(data, start)
        while at < len(data) and (size := data[at]):
            at += size + 1
            parts += 1
            if parts > most:
                break
        at += 1
        parts += 1
        check_parts(parts, most)
        yield start, at


def _head_bytes(data: bytes, at: int) -> int:
    """How much stands before the data of a picture or an extension."""
    if data[at] == _EXTENSION:
        return 2
    return 11 + _palette_bytes(data[at + 9])


def _palette_bytes(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & _HAS_PALETTE else 0


def _shown(data: bytes, at: int, page: tuple[int, int]) -> tuple[int, int]:
    """Width and height of a page on which the picture has room, as Pillow widens it."""
    left, top, width, height = struct.unpack_from("<HHHH", data, at + 1)
    return max(page[0], left + width), max(page[1], top + height)
