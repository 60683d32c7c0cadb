"""Real files of every format with anything changed in them: a picture, or refused, at no cost."""

from __future__ import annotations

import struct
import tracemalloc
import zlib

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from model_store.contract import ImageContract
from model_store.errors import BadImage, EmptyDrawing, ImageTooLarge
from model_store.images.limits import ImageLimits
from model_store.preprocess import to_tensor
from tests.model_store.images.files import chunk, exif, png
from tests.model_store.pictures import COLOUR, DIGIT, encode, photo

PICTURE = photo(28, 28)
HOLES = PICTURE.copy()
HOLES.putalpha(Image.fromarray(np.tile(np.array([255, 200], np.uint8), (28, 14))))
MORE = {"save_all": True, "append_images": [Image.new("RGB", (28, 28), "red")] * 2}
GREYS = np.arange(28 * 28).reshape(28, 28, 1)
FILES = {
    "png, alpha": encode(HOLES),
    "png, palette": encode(PICTURE.quantize(16), transparency=bytes(range(9))),
    "png, 16 bits": png(GREYS * 80, 16, 0, before=[chunk(b"tRNS", b"\0\x50")]),
    "png, 2 bits": png(GREYS % 4, 2, 0, before=[chunk(b"tRNS", b"\0\2")], interlaced=True),
    "png, animated": encode(PICTURE, "PNG", **MORE),
    "png, turned": png(GREYS % 250, 8, 0, before=[chunk(b"eXIf", exif(6)[6:])]),
    "jpeg": encode(PICTURE, "JPEG", exif=exif(6), comment=b"by a child"),
    "jpeg, progressive": encode(PICTURE, "JPEG", progressive=True, icc_profile=b"x" * 200),
    "jpeg, for print": encode(PICTURE.convert("CMYK"), "JPEG"),
    "gif": encode(PICTURE.quantize(9), "GIF", transparency=3, comment=b"by a child"),
    "gif, animated": encode(PICTURE.quantize(9), "GIF", **MORE),
    "webp": encode(PICTURE, "WEBP", exif=exif(6)),
    "webp, alpha": encode(HOLES, "WEBP", lossless=True),
    "webp, animated": encode(PICTURE, "WEBP", **MORE),
    "bmp": encode(PICTURE, "BMP"),
    "bmp, palette": encode(PICTURE.quantize(16), "BMP"),
    "avif, alpha": encode(HOLES, "AVIF", exif=exif(6)),
    "avif, animated": encode(PICTURE, "AVIF", duration=100, **MORE),
}
LIMITS = ImageLimits(max_bytes=100_000, max_pixels=100_000, max_frames=10)
CONTRACTS = (COLOUR, DIGIT, ImageContract("image", (28, 28), background=(9, 99, 200)))
# Sizes and lengths live in the first bytes.
HEAD = 120


@st.composite
def changes(draw: st.DrawFn) -> tuple[str, bytes]:
    """The name of a file, and the file with some of its bytes altered, gone, new or twice."""
    name = draw(st.sampled_from(sorted(FILES)))
    data = bytearray(FILES[name])
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, HEAD) | st.integers(0, len(data)))
        kind = draw(st.sampled_from(("set", "set", "set", "cut", "new", "twice")))
        if kind == "cut":
            del data[at : at + draw(st.integers(1, 9))]
        elif kind == "twice":
            start = draw(st.integers(0, len(data)))
            data[at:at] = data[start : start + draw(st.integers(1, 200))]
        else:
            width = 1 if kind == "set" else 0
            data[at : at + width] = draw(st.binary(min_size=1, max_size=1 if width else 8))
    is_mended = name.startswith("png") and draw(st.integers(0, 4))
    return name, mended(bytes(data)) if is_mended else bytes(data)


def mended(data: bytes) -> bytes:
    """A PNG whose checksums are right again, so that what was changed is looked at."""
    kept, at = [data[:8]], 8
    while at + 12 <= len(data):
        end = at + 8 + struct.unpack_from(">I", data, at)[0]
        if end + 4 > len(data):
            break
        kept += [data[at:end], struct.pack(">I", zlib.crc32(data[at + 4 : end]))]
        at = end + 4
    return b"".join([*kept, data[at:]])


def test_the_files_are_pictures_before_anything_is_changed():
    for data in FILES.values():
        for contract in CONTRACTS:
            assert to_tensor(data, contract, LIMITS).shape == (1, *contract.shape)


@given(changes(), st.sampled_from(CONTRACTS))
@settings(max_examples=600)
def test_a_changed_file_is_a_picture_or_refused_and_nothing_else(changed, contract):
    _, data = changed
    try:
        tensor = to_tensor(data, contract, LIMITS)
    except (BadImage, ImageTooLarge, EmptyDrawing):
        return
    assert (tensor.dtype, tensor.shape) == (np.uint8, (1, *contract.shape))


@given(changes())
@settings(max_examples=100)
def test_a_changed_file_takes_no_more_memory_than_a_picture_at_the_limit(changed):
    _, data = changed
    most = 20 * LIMITS.max_pixels + 2 * LIMITS.max_bytes
    # Measured again where it was too much: other threads of this process are counted too.
    assert peak_of(data) < most or peak_of(data) < most


def peak_of(data: bytes) -> int:
    """Bytes that were taken at most, by all of this process, while a file was read."""
    tracemalloc.start()
    try:
        to_tensor(data, COLOUR, LIMITS)
    except (BadImage, ImageTooLarge):
        pass
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    return peak
