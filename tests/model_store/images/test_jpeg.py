"""JPEG files: what is kept of them, the colours of print, and more scans than needed."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from PIL import Image

from model_store.contract import ImageContract
from model_store.errors import BadImage, ImageTooLarge
from model_store.images.jpeg import read_jpeg
from model_store.images.limits import ImageLimits
from model_store.preprocess import to_tensor
from tests.model_store.images.files import exif
from tests.model_store.pictures import encode, photo

PICTURE = photo(32, 24)
AS_IT_IS = ImageContract("image", (24, 32))


def shown(data: bytes) -> np.ndarray:
    return to_tensor(data, AS_IT_IS)[0].astype(int)


def segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, 2 + len(data)) + data


def with_segments(jpeg: bytes, *segments: bytes) -> bytes:
    return jpeg[:2] + b"".join(segments) + jpeg[2:]


def flat_cmyk(ink: tuple[int, int, int, int]) -> bytes:
    """A JPEG for print as Adobe's programs write it: more light, higher number."""
    return encode(Image.new("CMYK", (32, 24), ink), "JPEG", quality=100, subsampling=0)


def printed(cyan: int, magenta: int, yellow: int, black: int) -> tuple[float, ...]:
    return tuple((255 - ink) * (255 - black) / 255 for ink in (cyan, magenta, yellow))


INKS = [(0, 0, 0, 0), (255, 0, 0, 0), (0, 200, 100, 0), (30, 60, 90, 120), (0, 0, 0, 255)]


@pytest.mark.parametrize("ink", INKS)
def test_the_inks_of_print_are_the_colours_on_paper(ink):
    data = flat_cmyk(ink)
    assert b"Adobe" in data
    assert np.abs(shown(data) - printed(*ink)).max() <= 3


@pytest.mark.parametrize("ink", INKS)
def test_inks_that_are_stored_as_brightness_and_colour_are_the_same_colours(ink):
    # Adobe's YCCK: three inks, as light, turned into brightness and two differences.
    light = np.array([255 - value for value in ink[:3]], float)
    matrix = np.array([[0.299, 0.587, 0.114], [-0.16874, -0.33126, 0.5], [0.5, -0.41869, -0.08131]])
    luma, blue, red = matrix @ (255 - light) + (0, 128, 128)
    stored = tuple(int(np.clip(round(255 - v), 0, 255)) for v in (luma, blue, red))
    data = bytearray(flat_cmyk((*stored, ink[3])))
    data[data.index(b"Adobe") + 11] = 2
    assert np.abs(shown(bytes(data)) - printed(*ink)).max() <= 4


UNNEEDED = {
    "a thumbnail": segment(0xE0, b"JFXX\0\x10" + encode(PICTURE, "JPEG")),
    "a profile": segment(0xE2, b"ICC_PROFILE\0\1\1" + b"x" * 5000),
    "a second picture": segment(0xE2, b"MPF\0II*\0\x08\0\0\0\xff\xff"),
    "Photoshop's notes": segment(0xED, b"Photoshop 3.0\x008BIM\x03\xed\0\0\xff\xff\xff\xff"),
    "a comment": segment(0xFE, b"drawn by a child"),
    "nothing": b"\0" * 1000,
    "filling": b"\xff" * 1000,
}


@pytest.mark.parametrize("name", UNNEEDED)
def test_segments_that_are_no_pixels_change_nothing_and_are_left_out(name):
    plain = encode(PICTURE, "JPEG")
    first = plain[2 : 2 + 18]  # JFIF stays the first segment
    data = plain[:20] + UNNEEDED[name] + plain[20:]
    assert first[4:9] == b"JFIF\0"
    assert np.array_equal(shown(data), shown(plain))
    assert len(read_jpeg(data, ImageLimits()).data) == len(plain)


@pytest.mark.parametrize("orientation", [0, 1, 6, 9, 255])
def test_which_way_is_up_is_the_first_exif_segments_word(orientation):
    data = with_segments(
        encode(PICTURE, "JPEG"), segment(0xE1, exif(orientation)), segment(0xE1, exif(3))
    )
    want = orientation if 1 <= orientation <= 8 else 1
    assert read_jpeg(data, ImageLimits()).orientation == want


@pytest.mark.parametrize("marker", [0xC3, 0xC9, 0xCA, 0xD9])
def test_a_kind_that_no_camera_writes_is_refused(marker):
    data = encode(PICTURE, "JPEG").replace(b"\xff\xc0", bytes([0xFF, marker]))
    with pytest.raises(BadImage, match="save it as PNG"):
        shown(data)


def test_two_frames_in_one_file_are_refused():
    data = encode(PICTURE, "JPEG")
    at = data.index(b"\xff\xc0")
    frame = data[at : at + 2 + struct.unpack_from(">H", data, at + 2)[0]]
    with pytest.raises(BadImage, match="damaged header"):
        shown(data[:at] + frame + data[at:])


def test_as_many_scans_as_any_program_writes_are_read():
    data = encode(PICTURE, "JPEG", progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    assert data.count(b"\xff\xda") > 3
    assert np.abs(shown(data) - np.asarray(PICTURE)).mean() < 6
    with pytest.raises(ImageTooLarge, match="more than 100 scans"):
        shown(data[:-2] + last * 100 + data[-2:])
    at_the_limit = ImageLimits(max_pixels=32 * 24)
    read_jpeg(data[:-2] + last * 15 + data[-2:], at_the_limit)
    with pytest.raises(ImageTooLarge, match="more than 25 scans"):
        read_jpeg(data[:-2] + last * 16 + data[-2:], at_the_limit)


def test_less_data_than_one_bit_for_each_block_is_refused_before_decoding():
    data = bytearray(encode(PICTURE, "JPEG"))
    struct.pack_into(">HH", data, data.index(b"\xff\xc0") + 5, 4000, 4000)
    with pytest.raises(BadImage, match="cut short"):
        read_jpeg(bytes(data), ImageLimits())


def test_a_page_of_one_colour_is_not_taken_for_cut_short():
    for options in ({}, {"progressive": True}, {"optimize": True}):
        data = encode(Image.new("L", (4000, 3900), 255), "JPEG", quality=1, **options)
        assert (shown(data) == 255).all()
