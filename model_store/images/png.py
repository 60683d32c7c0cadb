"""The structure of PNG and APNG files.  Standard library only.

Of the chunks those are kept that make the pixels.  Colour profiles and gammas are left out:
training reads pixels as they are stored, and so must serving.  So are texts, of which Pillow
would unpack sixty megabytes, and the frames of an animation after the first.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from model_store.errors import BadImage
from model_store.images.exif import read_orientation
from model_store.images.limits import (
    ImageLimits,
    Still,
    check_frames,
    check_parts,
    check_size,
    cut_short,
)  # fmt: skip

MARKS = (b"\x89PNG\r\n\x1a\n",)

_NEEDED = {b"PLTE", b"tRNS", b"IDAT", b"IEND"}
_HEADER_END = 33
_GREY, _COLOURS, _PALETTE = 0, 2, 3
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_MODES = {_GREY: "L", _COLOURS: "RGB", 6: "RGBA"}
# Deflate cannot do better: 258 bytes for two bits.
_BEST_RATIO = 1032


def read_png(data: bytes, limits: ImageLimits) -> Still:
    """Read the chunks of a PNG.

    Raises:
        BadImage: There is no header, or less data than its picture needs.
        ImageTooLarge: It is beyond *limits*.
    """
    if data[8:16] != b"\0\0\0\x0dIHDR" or len(data) < _HEADER_END:
        raise cut_short()
    width, height, depth, colour, _, _, interlaced = struct.unpack_from(">IIBBBBB", data, 16)
    check_size(width, height, limits)
    kept, packed_bytes, exif = [data[:_HEADER_END]], 0, b""
    chunks = frames = 0
    for kind, start, end in _chunks(data):
        if kind in _NEEDED:
            chunk = data[start:end]
            kept.append(_as_pixels(chunk, depth, colour) if kind == b"tRNS" else chunk)
            packed_bytes += end - start if kind == b"IDAT" else 0
        elif kind == b"eXIf":
            exif = data[start + 8 : end - 4]
        elif kind == b"fcTL":
            frames += 1
            check_frames(frames, limits)
        elif kind == b"IHDR":
            raise BadImage("the image has two headers; save it again and send that")
        chunks += 1
    if colour == _PALETTE and not any(chunk[4:8] == b"PLTE" for chunk in kept):
        raise cut_short()
    row_bytes = width * depth * _CHANNELS.get(colour, 1) // 8
    if packed_bytes * _BEST_RATIO < row_bytes * height:
        raise cut_short()
    has_key = any(chunk[4:8] == b"tRNS" for chunk in kept)
    whole = data if len(kept) == chunks + 1 and not has_key else b"".join(kept)
    plain = "" if has_key or interlaced or depth != 8 else _MODES.get(colour, "")
    orientation = read_orientation(exif) if exif else 1
    return Still("PNG", width, height, whole, orientation, plain)


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Kind, start and end of each chunk after the header, IEND the last."""
    at, parts, kind = _HEADER_END, 0, b""
    while at + 8 <= len(data) and kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", data, at)
        yield kind, at, at + 12 + length
        at += 12 + length
        parts += 1
        check_parts(parts)


def _as_pixels(chunk: bytes, depth: int, colour: int) -> bytes:
    """The chunk that says what is transparent, with its values as Pillow gives the pixels.

    Pillow widens grey of 2 and 4 bits to 8 and narrows colours of 16 bits to 8, but leaves the
    transparent colour as it was written; of a palette it believes any length.
    """
    values = chunk[8:-4]
    if colour == _PALETTE:
        return _chunk(b"tRNS", values[:256])
    samples = 3 if colour == _COLOURS else 1
    if len(values) < 2 * samples:
        raise cut_short()
    keys = struct.unpack_from(f">{samples}H", values)
    if colour == _GREY and depth in (2, 4):
        keys = tuple((key & (1 << depth) - 1) * 255 // ((1 << depth) - 1) for key in keys)
    elif colour == _COLOURS and depth == 16:
        keys = tuple(key >> 8 for key in keys)
    elif depth == 8:
        keys = tuple(key & 255 for key in keys)
    return _chunk(b"tRNS", struct.pack(f">{samples}H", *keys))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
