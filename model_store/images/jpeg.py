"""The structure of JPEG files.  Standard library only.

Before the first scan only the segments are kept that make the pixels: no thumbnails, second
pictures, comments and colour profiles.  Of the processes those are read that cameras and
browsers know: baseline, extended and progressive.
"""

from __future__ import annotations

import struct

from model_store.errors import BadImage, ImageTooLarge
from model_store.images.exif import read_orientation
from model_store.images.limits import ImageLimits, Still, check_parts, check_size, cut_short

MARKS = (b"\xff\xd8\xff",)

_SOS, _EOI = 0xDA, 0xD9
_FRAMES = {0xC0, 0xC1, 0xC2}
_OTHER_FRAMES = {0xC3, *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0)}
_TABLES = {0xC4, 0xDB, 0xDD}
_APP0, _EXIF, _ADOBE = 0xE0, 0xE1, 0xEE
_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD9)}
# Each scan of a progressive picture is a pass over all of it; programs write up to twenty.
_MAX_SCANS = 100
_MAX_SCANS_AT_THE_LIMIT = 25
# Nothing codes a block of 64 pixels in less than one bit.
_PIXELS_A_BYTE = 64 * 8


def read_jpeg(data: bytes, limits: ImageLimits) -> Still:
    """Read the segments of a JPEG up to its first scan.

    Raises:
        BadImage: It has no frame or no scan, or too little data for its pixels.
        ImageTooLarge: It is beyond *limits*, or has more scans than any program writes.
    """
    kept, exif, size = [data[:2]], b"", (0, 0)
    at, parts = 2, 0
    while True:
        marker, start = _next_marker(data, at)
        if marker == _EOI or marker in _OTHER_FRAMES:
            raise BadImage("the JPEG is of a rare kind or empty; save it as PNG and send that")
        at = start
        if marker not in _WITHOUT_LENGTH:
            segment, at = _segment(data, start)
            if marker == _SOS:
                break
            if marker in _FRAMES:
                size = _size(segment, size)
            if marker == _EXIF and segment.startswith(b"Exif") and not exif:
                exif = segment
            if _is_needed(marker, segment):
                kept.append(data[start - 2 : at])
        parts += 1
        check_parts(parts)
    check_size(*size, limits)
    scans = data[start - 2 :]
    _check_scans(scans, size[0] * size[1], limits)
    kept.append(scans)
    return Still("JPEG", *size, b"".join(kept), read_orientation(exif))


def _next_marker(data: bytes, at: int) -> tuple[int, int]:
    """The next marker and where its segment begins; what lies between is passed over."""
    while 0 <= (at := data.find(b"\xff", at)) < len(data) - 1:
        at += 1
        if data[at] not in (0x00, 0xFF):
            return data[at], at + 1
    raise cut_short()


def _segment(data: bytes, start: int) -> tuple[bytes, int]:
    """A segment's content and where it ends; *start* is where its length stands."""
    if start + 2 > len(data):
        raise cut_short()
    (length,) = struct.unpack_from(">H", data, start)
    if length < 2 or start + length > len(data):
        raise cut_short()
    return data[start + 2 : start + length], start + length


def _size(frame: bytes, before: tuple[int, int]) -> tuple[int, int]:
    """Width and height out of a frame header."""
    if len(frame) < 6 or before != (0, 0):
        raise BadImage("the JPEG has a damaged header; save it again and send that")
    height, width = struct.unpack_from(">HH", frame, 1)
    return width, height


def _is_needed(marker: int, segment: bytes) -> bool:
    """Whether the pixels depend on a segment: tables, the frame, and what tells the colours."""
    if marker == _APP0:
        return segment.startswith(b"JFIF\0")
    if marker == _ADOBE:
        return segment.startswith(b"Adobe")
    return marker in _FRAMES or marker in _TABLES


def _check_scans(scans: bytes, pixels: int, limits: ImageLimits) -> None:
    most = min(_MAX_SCANS, _MAX_SCANS_AT_THE_LIMIT * limits.max_pixels // pixels)
    # Within a scan 0xFF is always followed by zero: what looks like a scan's marker is one.
    if scans.count(bytes([0xFF, _SOS])) > most:
        raise ImageTooLarge(f"the JPEG has more than {most} scans; save it as PNG and send that")
    if len(scans) * _PIXELS_A_BYTE < pixels:
        raise cut_short()
