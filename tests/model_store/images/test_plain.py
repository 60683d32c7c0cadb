"""PNGs with plain pixels are decoded by another library than Pillow: to the same pixels."""

from __future__ import annotations

import zlib
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from model_store.errors import BadImage
from model_store.images.decoding import decode_image, read_still
from model_store.images.limits import ImageLimits
from tests.model_store.images.files import CHANNELS, SIGNATURE, chunk, exif, header, png
from tests.model_store.pictures import encode, photo

LIMITS = ImageLimits()
PLAIN = {0: "L", 2: "RGB", 6: "RGBA"}
SAMPLES = np.random.default_rng(3).integers(0, 256, (5, 7, 3))


def by_pillow(data: bytes) -> Image.Image:
    image = Image.open(BytesIO(data))
    image.load()
    return image


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """A plain PNG whose rows have any filters and bytes, in any number of chunks."""
    colour = draw(st.sampled_from(sorted(PLAIN)))
    width, height = draw(st.integers(1, 40)), draw(st.integers(1, 20))
    rng = np.random.default_rng(draw(st.integers(0, 1 << 32)))
    filters = draw(st.lists(st.integers(0, 4), min_size=height, max_size=height))
    rows = (bytes([each]) + rng.bytes(width * CHANNELS[colour]) for each in filters)
    packed = zlib.compress(b"".join(rows), draw(st.integers(0, 9)))
    length = draw(st.integers(1, len(packed)))
    pieces = (packed[at : at + length] for at in range(0, len(packed), length))
    pixels = b"".join(chunk(b"IDAT", piece) for piece in pieces)
    return SIGNATURE + header(width, height, 8, colour) + pixels + chunk(b"IEND")


@given(files())
def test_any_filters_give_the_pixels_that_pillow_gives(data):
    image, wanted = decode_image(data, LIMITS), by_pillow(data)
    assert image.size == wanted.size
    assert image.convert("RGBA").tobytes() == wanted.convert("RGBA").tobytes()


@given(st.integers(0, 255), st.integers(0, 254), st.integers(0, 3), st.integers(0, 34))
def test_of_an_opaque_grey_picture_one_channel_is_left(grey, other, channel, at):
    samples = np.full((5, 7, 4), (grey, grey, grey, 255))
    samples[0, :3, :3] = other
    assert decode_image(png(samples, 8, 6), LIMITS).mode == "L"
    assert (
        decode_image(png(samples, 8, 6), LIMITS).tobytes()
        == samples[..., 0].astype(np.uint8).tobytes()
    )
    samples[at // 7, at % 7, channel] ^= 1
    image = decode_image(png(samples, 8, 6), LIMITS)
    assert image.mode == "RGBA"
    assert np.array_equal(np.asarray(image), samples)


@pytest.mark.parametrize("colour", PLAIN)
def test_what_is_stored_as_it_is_shown_is_plain(colour):
    samples = SAMPLES[..., :1].repeat(CHANNELS[colour], axis=2)
    assert read_still(png(samples, 8, colour), LIMITS).plain == PLAIN[colour]


@pytest.mark.parametrize(
    "data",
    [
        png(SAMPLES, 8, 2, interlaced=True),
        png(SAMPLES * 257, 16, 2),
        png(SAMPLES[..., :1] % 4, 2, 0),
        png(SAMPLES[..., :2], 8, 4),
        png(SAMPLES, 8, 2, before=[chunk(b"tRNS", bytes(6))]),
        encode(photo().quantize(16)),
        encode(photo(), "JPEG"),
    ],
    ids=["interlaced", "16 bits", "2 bits", "grey with alpha", "a key", "palette", "JPEG"],
)
def test_all_others_are_left_to_pillow(data):
    assert read_still(data, LIMITS).plain == ""


def test_plain_pixels_are_turned_upright():
    data = png(SAMPLES, 8, 2, before=[chunk(b"eXIf", exif(6)[6:])])
    assert np.array_equal(np.asarray(decode_image(data, LIMITS)), np.rot90(SAMPLES, -1))


def test_a_plain_picture_may_be_drawn_on():
    image = decode_image(png(SAMPLES[..., :1], 8, 0), LIMITS)
    image.putpixel((0, 0), 255 - image.getpixel((0, 0)))
    assert image.getpixel((0, 0)) == 255 - SAMPLES[0, 0, 0]


def test_what_only_pillow_forgives_is_still_a_picture():
    data = bytearray(png(SAMPLES))
    at = data.index(b"IEND") - 8
    data[at : at + 4] = bytes(4)  # the check of the pixels, which Pillow does not look at
    assert np.array_equal(np.asarray(decode_image(bytes(data), LIMITS)), SAMPLES)


@pytest.mark.parametrize("kept", [0, 1, 20, 100])
def test_plain_pixels_that_are_cut_short_are_refused(kept):
    packed = zlib.compress(bytes(22 * 5), 0)[:kept]
    data = SIGNATURE + header(7, 5) + chunk(b"IDAT", packed) + chunk(b"IEND")
    with pytest.raises(BadImage, match="damaged or cut short"):
        decode_image(data, LIMITS)
