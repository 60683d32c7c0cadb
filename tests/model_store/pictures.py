"""Drawings to test with, and files that are not what they claim to be."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO

import numpy as np
from PIL import Image, ImageDraw

from model_store.contract import ImageContract, InkCentring

# What the bundled numbers model asks for.
DIGIT = ImageContract(
    tensor="image",
    size=(28, 28),
    mode="L",
    background=(255,),
    fit="contain",
    invert=True,
    ink=InkCentring(box_px=20),
)
COLOUR = ImageContract(tensor="image", size=(28, 28))
GREY = ImageContract(tensor="image", size=(28, 28), mode="L", background=(255,))


def encode(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def three(*, at=(60, 40), height=200, pen=16, page=280, ink=0, paper=255) -> Image.Image:
    """A 3 of two arcs, mode L."""
    image = Image.new("L", (page, page), paper)
    draw = ImageDraw.Draw(image)
    x, y = at
    for top in (y, y + height / 2):
        box = (x, top, x + height * 0.6, top + height / 2)
        start, end = (180, 90) if top == y else (270, 180)
        draw.arc(box, start, end, fill=ink, width=pen)
    return image


def transparent_three() -> Image.Image:
    """The same 3 as a canvas gives it: black where there is ink, nothing elsewhere."""
    ink = three(ink=255, paper=0)
    image = Image.new("RGBA", ink.size, (0, 0, 0, 0))
    image.putalpha(ink)
    return image


def photo(width: int = 24, height: int = 18) -> Image.Image:
    """Smooth colours in which no two corners are alike."""
    rng = np.random.default_rng(7)
    small = Image.fromarray(rng.integers(0, 256, (3, 4, 3), np.uint8))
    return small.resize((width, height), Image.Resampling.BILINEAR)


def png_claiming(width: int, height: int) -> bytes:
    """A PNG of under 100 bytes whose header says it is this large."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", zlib.compress(b"\0" * 100))
        + _chunk(b"IEND", b"")
    )


def patched(kind: str, at: int, fields: bytes) -> bytes:
    """A file of 16x16 pixels with other *fields* in its header."""
    data = bytearray(encode(Image.new("P" if kind == "GIF" else "RGB", (16, 16)), kind))
    data[at : at + len(fields)] = fields
    return bytes(data)


def jpeg_claiming(width: int, height: int) -> bytes:
    data = encode(Image.new("RGB", (16, 16)), "JPEG")
    return patched("JPEG", data.index(b"\xff\xc0") + 5, struct.pack(">HH", height, width))


def webp_claiming(width: int, height: int) -> bytes:
    data = encode(Image.new("RGB", (16, 16)), "WEBP")
    return patched("WEBP", data.index(b"\x9d\x01\x2a") + 3, struct.pack("<HH", width, height))


def gif_claiming(width: int, height: int) -> bytes:
    data = encode(Image.new("P", (16, 16)), "GIF")
    at = data.index(b"\x2c\0\0\0\0\x10\0\x10\0")
    return patched("GIF", at + 5, struct.pack("<HH", width, height))


def with_chunk(png: bytes, kind: bytes, data: bytes) -> bytes:
    """*png* with one more chunk, before its pixels."""
    at = png.index(b"IDAT") - 4
    return png[:at] + _chunk(kind, data) + png[at:]


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
