"""The structure of AVIF files: boxes, items, and the streams in them.  Standard library only.

A decoder believes the stream in the file, not the file's own word on its size: both are read.
Kept is the still picture: of an animation its cover, which is its first frame.  Which way is
up is the file's own properties' word, never EXIF's, as the format asks for.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from model_store.errors import BadImage, ImageTooLarge
from model_store.images.av1 import frame_sizes
from model_store.images.limits import (
    ImageLimits,
    Still,
    check_frames,
    check_parts,
    check_size,
    cut_short,
)

MARKS = (b"ftypavif", b"ftypavis", b"ftypmif1", b"ftypmsf1")

_SAMPLES = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsz")
# Colours, transparency, and what else may be made of as many pixels.
_MAX_PLANES = 4

Box = tuple[bytes, int, int]
"""Kind, and where its content begins and ends."""


def read_avif(data: bytes, limits: ImageLimits) -> Still:
    """Read the boxes of an AVIF.

    Raises:
        BadImage: It is damaged, or has no still picture.
        ImageTooLarge: It, or a stream in it, is beyond *limits*.
    """
    try:
        return _read(data, limits)
    except (struct.error, IndexError) as error:
        raise cut_short() from error


def _read(data: bytes, limits: ImageLimits) -> Still:
    top = list(_boxes(data, 0, len(data)))
    metas = [box for box in top if box[0] == b"meta"]
    if len(metas) != 1:
        raise BadImage("the AVIF has no still picture; save it as PNG and send that")
    meta = list(_boxes(data, metas[0][1] + 4, metas[0][2]))
    properties = [
        box
        for kind, start, end in meta
        if kind == b"iprp"
        for container in _boxes(data, start, end)
        if container[0] == b"ipco"
        for box in _boxes(data, *container[1:])
    ]
    sizes = [
        struct.unpack_from(">II", data, at + 4) for kind, at, _ in properties if kind == b"ispe"
    ]
    if not sizes:
        raise cut_short()
    for width, height in sizes:
        check_size(width, height, limits)
    kinds = _item_kinds(data, meta)
    _check_streams(data, meta, kinds, limits)
    for count in _sample_counts(data, top):
        check_frames(count, limits)
    width, height = max(sizes, key=lambda size: size[0] * size[1])
    return Still("AVIF", width, height, _as_still(data, top, kinds))


def _boxes(data: bytes, at: int, end: int) -> Iterator[Box]:
    parts = 0
    while at + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, at)
        start = at + 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, start)
            start += 8
        stop = end if size == 0 else at + size
        if not start <= stop <= end:
            raise cut_short()
        yield kind, start, stop
        at = stop
        parts += 1
        check_parts(parts)


def _item_kinds(data: bytes, meta: list[Box]) -> dict[int, tuple[bytes, int]]:
    """Of each item its kind, and where in the file that stands."""
    kinds = {}
    for kind, start, end in meta:
        if kind != b"iinf":
            continue
        entries = start + (6 if data[start] == 0 else 8)
        for entry, at, _ in _boxes(data, entries, end):
            if entry != b"infe":
                continue
            wide = data[at] >= 3
            number = int.from_bytes(data[at + 4 : at + (8 if wide else 6)], "big")
            place = at + (10 if wide else 8)
            kinds[number] = (data[place : place + 4], place)
    return kinds


def _check_streams(
    data: bytes, meta: list[Box], kinds: dict[int, tuple[bytes, int]], limits: ImageLimits
) -> None:
    """Raise ImageTooLarge if what would be decoded is beyond *limits*."""
    streams = []
    for number, content in _items(data, meta):
        kind = kinds.get(number, (b"", 0))[0]
        if kind == b"grid":
            check_size(*_grid_size(content), limits)
        elif kind == b"av01":
            streams.append(content)
    pixels = 0
    for width, height in frame_sizes(streams):
        check_size(width, height, limits)
        pixels += width * height
    if pixels > _MAX_PLANES * limits.max_pixels:
        raise ImageTooLarge("the AVIF is made of too many pixels; send a smaller one")


def _items(data: bytes, meta: list[Box]) -> Iterator[tuple[int, bytes]]:
    """Number and content of each item."""
    stored = next((data[start:end] for kind, start, end in meta if kind == b"idat"), b"")
    left = len(data)
    for kind, start, end in meta:
        if kind != b"iloc":
            continue
        for number, is_inside, extents in _locations(data[start:end]):
            source = stored if is_inside else data
            pieces = [source[at : at + length] for at, length in extents]
            left -= sum(map(len, pieces))
            if left < 0:
                raise BadImage(
                    "the AVIF uses its data again and again; save it as PNG and send that"
                )
            yield number, b"".join(pieces)


def _locations(box: bytes) -> Iterator[tuple[int, bool, list[tuple[int, int]]]]:
    """Of each item its number, whether it lies in ``idat``, and its pieces: offset and length."""
    version, sizes = box[0], struct.unpack_from(">H", box, 4)[0]
    offset_bytes, length_bytes, base_bytes, index_bytes = (sizes >> by & 15 for by in (12, 8, 4, 0))
    wide = 4 if version == 2 else 2
    reader = _Reader(box, 6)
    for _ in range(reader.number(wide)):
        number = reader.number(wide)
        is_inside = version > 0 and reader.number(2) & 15 == 1
        reader.number(2)
        base = reader.number(base_bytes)
        extents = []
        for _ in range(reader.number(2)):
            reader.number(index_bytes if version > 0 else 0)
            offset, length = reader.number(offset_bytes), reader.number(length_bytes)
            # A length of none is all there is.
            extents.append((base + offset, length or len(box) << 16))
            check_parts(len(extents))
        yield number, is_inside, extents


class _Reader:
    """Reads numbers one after the other; the highest byte first."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data, self._at = data, at

    def number(self, size: int) -> int:
        """The next number of *size* bytes; zero for none."""
        if self._at + size > len(self._data):
            raise cut_short()
        self._at += size
        return int.from_bytes(self._data[self._at - size : self._at], "big")


def _grid_size(grid: bytes) -> tuple[int, int]:
    """Width and height of a picture that is put together of smaller ones."""
    width, height = struct.unpack_from(">II" if grid[1] & 1 else ">HH", grid, 4)
    return width, height


def _sample_counts(data: bytes, boxes: list[Box], depth: int = 0) -> Iterator[int]:
    """How many frames each track of an animation has."""
    for kind, start, end in boxes:
        if kind != _SAMPLES[depth]:
            continue
        if depth == len(_SAMPLES) - 1:
            yield struct.unpack_from(">I", data, start + 8)[0]
        else:
            yield from _sample_counts(data, list(_boxes(data, start, end)), depth + 1)


def _as_still(data: bytes, top: list[Box], kinds: dict[int, tuple[bytes, int]]) -> bytes:
    """*data* without tracks and EXIF: their boxes and items are renamed, nothing moves."""
    unneeded = [at for kind, at in kinds.values() if kind in (b"Exif", b"mime")]
    tracks = [start for kind, start, _ in top if kind == b"moov"]
    if not unneeded and not tracks:
        return data
    left = bytearray(data)
    for at in unneeded:
        left[at : at + 4] = b"free"
    for start in tracks:
        # The kind stands before the content, or before a long size that does.
        at = data.rindex(b"moov", 0, start)
        left[at : at + 4] = b"free"
    for kind, start, end in top:
        if tracks and kind == b"ftyp":
            left[start:end] = left[start:end].replace(b"avis", b"avif")
    return bytes(left)
