"""Which way is up, out of EXIF data.

Read here and not by Pillow: of a whole EXIF block, which may name a megabyte thousands of
times, one number is wanted.  Standard library only.
"""

from __future__ import annotations

import struct

_PREFIX = b"Exif\0\0"
_ORIENTATION = 0x0112
_SHORT, _LONG = 3, 4
# Cameras write a few dozen.
_MAX_TAGS = 512


def read_orientation(exif: bytes) -> int:
    r"""EXIF's orientation, 1 to 8; 1 where it is damaged or does not say.

    Args:
        exif: A TIFF file, with or without ``Exif\0\0`` before it.
    """
    tiff = exif.removeprefix(_PREFIX)
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None or len(tiff) < 8:
        return 1
    (at,) = struct.unpack_from(f"{order}I", tiff, 4)
    if at + 2 > len(tiff):
        return 1
    (tags,) = struct.unpack_from(f"{order}H", tiff, at)
    for entry in range(at + 2, at + 2 + 12 * min(tags, _MAX_TAGS), 12):
        if entry + 12 > len(tiff):
            break
        tag, kind = struct.unpack_from(f"{order}HH", tiff, entry)
        if tag == _ORIENTATION and kind in (_SHORT, _LONG):
            (value,) = struct.unpack_from(
                f"{order}{'H' if kind == _SHORT else 'I'}", tiff, entry + 8
            )
            return int(value) if 1 <= value <= 8 else 1
    return 1
