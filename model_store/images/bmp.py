"""The header of BMP files.  Standard library only."""

from __future__ import annotations

import struct

from model_store.errors import BadImage
from model_store.images.limits import ImageLimits, Still, check_size, cut_short

MARKS = (b"BM",)

_OLD_HEADER_BYTES = 12
_NEWER_HEADERS = (40, 52, 56, 64, 108, 124)
_PLAIN, _MASKS = 0, 3
# Pillow unpacks runs in Python: a microsecond for two bytes, and for each pixel it fills up.
_MAX_RUN_BYTES = 64 * 1024
_MAX_RUN_PIXELS = 512 * 512


def read_bmp(data: bytes, limits: ImageLimits) -> Still:
    """Read the header of a BMP.

    Raises:
        BadImage: It is damaged, shorter than its pixels, or large and packed in runs.
        ImageTooLarge: It is beyond *limits*.
    """
    if len(data) < 26:
        raise cut_short()
    (header_bytes,) = struct.unpack_from("<I", data, 14)
    compression = _PLAIN
    if header_bytes == _OLD_HEADER_BYTES:
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
    elif header_bytes in _NEWER_HEADERS and len(data) >= 14 + header_bytes:
        width, height, _, bits, compression = struct.unpack_from("<IiHHI", data, 18)
    else:
        raise cut_short()
    check_size(width, abs(height), limits)
    if compression in (_PLAIN, _MASKS):
        if (width * bits + 31) // 32 * 4 * abs(height) > len(data):
            raise cut_short()
    elif len(data) > _MAX_RUN_BYTES or width * abs(height) > _MAX_RUN_PIXELS:
        raise BadImage("the BMP is large and packed; save it as PNG and send that")
    return Still("BMP", width, abs(height), data)
