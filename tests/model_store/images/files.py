"""Files written by hand, byte by byte: what is in them is known without any library."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

import numpy as np

SIGNATURE = b"\x89PNG\r\n\x1a\n"
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
# Left, top and the steps across and down of each of Adam7's passes.
PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
          (0, 1, 1, 2))  # fmt: skip


def chunk(kind: bytes, data: bytes = b"") -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def header(width: int, height: int, depth: int = 8, colour: int = 2, interlace: int = 0) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace))


def png(
    samples: np.ndarray,
    depth: int = 8,
    colour: int = 2,
    *,
    before: Sequence[bytes] = (),
    after: Sequence[bytes] = (),
    interlaced: bool = False,
) -> bytes:
    """A PNG of ``samples[height, width, channels]``, with more chunks around its pixels."""
    height, width = samples.shape[:2]
    passes = PASSES if interlaced else ((0, 0, 1, 1),)
    rows = b"".join(
        packed_rows(samples[top::down, left::across], depth) for left, top, across, down in passes
    )
    return b"".join([
        SIGNATURE, header(width, height, depth, colour, int(interlaced)), *before,
        chunk(b"IDAT", zlib.compress(rows)), *after, chunk(b"IEND"),
    ])  # fmt: skip


def packed_rows(samples: np.ndarray, depth: int) -> bytes:
    """The rows of a picture as a PNG has them, each after its filter's number, none."""
    if samples.size == 0:
        return b""
    flat = samples.reshape(len(samples), -1)
    if depth == 16:
        return b"".join(b"\0" + row.astype(">u2").tobytes() for row in flat)
    bits = (flat[:, :, None] >> np.arange(depth)[::-1]) & 1
    packed = np.packbits(bits.reshape(len(flat), -1).astype(np.uint8), axis=1)
    return b"".join(b"\0" + row.tobytes() for row in packed)


def exif(orientation: int, order: str = "<", kind: int = 3) -> bytes:
    """EXIF data of two tags, the second of them the orientation."""
    mark = b"II*\0" if order == "<" else b"MM\0*"
    value = struct.pack(f"{order}HH" if kind == 3 else f"{order}I", *(orientation, 0)[: 5 - kind])
    return (
        b"Exif\0\0" + mark + struct.pack(f"{order}IH", 8, 2)
        + struct.pack(f"{order}HHII", 0x010F, 2, 1, 0)
        + struct.pack(f"{order}HHI", 0x0112, kind, 1) + value + struct.pack(f"{order}I", 0)
    )  # fmt: skip
