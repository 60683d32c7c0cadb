"""What leaves for Google: pixels, and nothing that the file said of itself."""

from __future__ import annotations

from io import BytesIO

import pytest
from PIL import Image

from adapter.outgoing import LONGEST_SIDE_PX, to_outgoing
from model_store.errors import BadImage
from model_store.images.limits import ImageLimits
from tests.model_store.pictures import encode, photo, transparent_three

LIMITS = ImageLimits()
WHERE = "GPS 37.5665N 126.9780E"


def read(data: bytes) -> Image.Image:
    image = Image.open(BytesIO(data))
    image.load()
    return image


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_nothing_that_a_file_says_of_itself_is_sent(kind):
    exif = Image.Exif()
    exif[0x010E] = WHERE
    options = {"exif": exif, "icc_profile": b"profile of a camera"}
    if kind == "JPEG":
        options["comment"] = WHERE.encode()
    picture = encode(photo(), kind, **options)
    assert WHERE.encode() in picture
    sent = to_outgoing(picture, LIMITS)
    assert WHERE.encode() not in sent
    assert b"profile of a camera" not in sent
    assert not read(sent).getexif()
    assert set(read(sent).info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


def test_a_photograph_is_sent_upright():
    exif = Image.Exif()
    exif[0x0112] = 6
    assert read(to_outgoing(encode(photo(40, 20), "JPEG", exif=exif), LIMITS)).size == (20, 40)


def test_a_large_picture_is_sent_smaller_and_a_small_one_as_it_is():
    assert read(to_outgoing(encode(photo(3000, 1500)), LIMITS)).size == (LONGEST_SIDE_PX, 512)
    assert read(to_outgoing(encode(photo(30, 15)), LIMITS)).size == (30, 15)


def test_a_transparent_drawing_is_sent_on_white():
    sent = read(to_outgoing(encode(transparent_three()), LIMITS))
    assert (sent.format, sent.mode) == ("JPEG", "RGB")
    assert min(sent.getpixel((2, 2))) > 250


def test_what_is_no_picture_is_not_sent():
    with pytest.raises(BadImage):
        to_outgoing(b"GIF89a and nothing", LIMITS)
