"""GIF, WebP and BMP files: what their structure says, and what is left of them."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from PIL import Image

from model_store.contract import ImageContract
from model_store.errors import BadImage, ImageTooLarge
from model_store.images.decoding import FORMATS, read_still
from model_store.images.limits import ImageLimits
from model_store.preprocess import to_tensor
from tests.model_store.images.files import exif
from tests.model_store.pictures import encode, photo

HEIGHT, WIDTH = 20, 28
PICTURE = photo(WIDTH, HEIGHT)
PAGE = (10, 200, 90)


def shown(data: bytes, size: tuple[int, int] = (HEIGHT, WIDTH)) -> np.ndarray:
    return to_tensor(data, ImageContract("image", size, background=PAGE))[0]


def animation(kind: str, frames: int, **options) -> bytes:
    more = [Image.new("RGB", (WIDTH, HEIGHT), (frame, 99, 7)) for frame in range(1, frames)]
    return encode(PICTURE, kind, save_all=True, append_images=more, duration=20, **options)


@pytest.mark.parametrize(("kind", "options"), [("GIF", {}), ("WEBP", {"lossless": True})])
def test_of_an_animation_the_first_picture_is_shown_and_the_others_are_counted(kind, options):
    data = animation(kind, 12, **options)
    want = PICTURE.quantize() if kind == "GIF" else PICTURE
    assert np.array_equal(shown(data), shown(encode(want, kind, **options)))
    read_still(data, ImageLimits(max_frames=12))
    with pytest.raises(ImageTooLarge, match="more than 11 frames; send a still picture"):
        read_still(data, ImageLimits(max_frames=11))


def test_a_gif_with_a_transparent_entry_shows_the_page():
    image = Image.new("P", (WIDTH, HEIGHT), 3)
    image.putpalette(bytes(range(48)))
    image.paste(5, (0, 0, 9, HEIGHT))
    pixels = shown(encode(image, "GIF", transparency=3, comment=b"by a child"))
    assert (pixels[:, 9:] == PAGE).all()
    assert (pixels[:, :9] == (15, 16, 17)).all()


def test_a_gifs_picture_may_lie_anywhere_on_its_page():
    data = bytearray(encode(Image.new("P", (8, 6), 1), "GIF"))
    at = data.index(b"\x2c\0\0\0\0\x08\0\x06\0")
    struct.pack_into("<HH", data, at + 1, 20, 14)
    still = read_still(bytes(data), ImageLimits())
    assert (still.width, still.height) == (WIDTH, HEIGHT)
    assert shown(bytes(data)).shape == (HEIGHT, WIDTH, 3)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "BMP", "AVIF"])
def test_one_pixel_more_than_the_limit_is_refused(kind):
    data = encode(PICTURE, kind)
    read_still(data, ImageLimits(max_pixels=WIDTH * HEIGHT))
    with pytest.raises(ImageTooLarge, match=f"is {WIDTH}x{HEIGHT}; at most {WIDTH * HEIGHT - 1}"):
        read_still(data, ImageLimits(max_pixels=WIDTH * HEIGHT - 1))


@pytest.mark.parametrize("kind", FORMATS)
def test_one_byte_more_than_the_limit_is_refused(kind):
    data = encode(PICTURE, kind)
    read_still(data, ImageLimits(max_bytes=len(data)))
    with pytest.raises(ImageTooLarge, match=f"has {len(data)} bytes; at most {len(data) - 1}"):
        read_still(data, ImageLimits(max_bytes=len(data) - 1))


@pytest.mark.parametrize("lossless", [False, True])
def test_a_webp_says_which_way_is_up(lossless):
    data = encode(PICTURE, "WEBP", lossless=lossless, exif=exif(8))
    assert read_still(data, ImageLimits()).orientation == 8


def test_transparent_webp_is_blended_with_the_page():
    rng = np.random.default_rng(3)
    pixels = rng.integers(0, 256, (HEIGHT, WIDTH, 4), np.uint8)
    got = shown(encode(Image.fromarray(pixels), "WEBP", lossless=True, exact=True))
    share = pixels[..., 3:] / 255
    want = np.floor(pixels[..., :3] * share + np.array(PAGE) * (1 - share) + 0.5)
    assert np.array_equal(got, want)


def bitmap(bits: int, rows: bytes, *, masks: tuple[int, ...] = (), height: int = HEIGHT) -> bytes:
    """A BMP written by hand."""
    compression, more = (3, 56) if masks else (0, 40)
    header = struct.pack("<IiiHHIIIIII", more, WIDTH, height, 1, bits, compression, 0, 0, 0, 0, 0)
    if masks:
        header += struct.pack("<IIII", *masks)
    return b"BM" + struct.pack("<III", 0, 0, 14 + len(header)) + header + rows


@pytest.mark.parametrize("is_upside_down", [False, True])
def test_a_bmp_of_24_bits_has_its_colours(is_upside_down):
    pixels = np.asarray(PICTURE)[..., ::-1]
    rows = pixels if is_upside_down else pixels[::-1]
    data = bitmap(24, rows.tobytes(), height=-HEIGHT if is_upside_down else HEIGHT)
    assert np.array_equal(shown(data), np.asarray(PICTURE))


def test_a_bmp_of_32_bits_has_alpha_only_where_it_says_so():
    rng = np.random.default_rng(3)
    pixels = rng.integers(0, 256, (HEIGHT, WIDTH, 4), np.uint8)  # blue, green, red, alpha
    colours, share = pixels[..., 2::-1], pixels[..., 3:] / 255
    rows = pixels[::-1].tobytes()
    assert np.array_equal(shown(bitmap(32, rows)), colours)
    masks = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    want = np.floor(colours * share + np.array(PAGE) * (1 - share) + 0.5)
    assert np.array_equal(shown(bitmap(32, rows, masks=masks)), want)


def runs(pixels: bytes) -> bytes:
    header = struct.pack("<IiiHHIIIIII", 40, 4, 2, 1, 8, 1, 0, 0, 0, 256, 0)
    palette = b"".join(bytes([value, value, value, 0]) for value in range(256))
    return b"BM" + struct.pack("<III", 0, 0, 54 + 1024) + header + palette + pixels


def test_a_short_bmp_in_runs_is_read_and_a_long_one_refused():
    pixels = b"\x04\x63\0\0" + b"\x02\x05\x02\x09\0\1"
    assert shown(runs(pixels), (2, 4))[..., 0].tolist() == [[5, 5, 9, 9], [99] * 4]
    with pytest.raises(BadImage, match="save it as PNG"):
        shown(runs(pixels + b"\0" * 70_000))


@pytest.mark.parametrize("at", [14, 28, 30])
def test_a_bmp_with_an_impossible_header_is_refused(at):
    data = bytearray(encode(PICTURE, "BMP"))
    data[at] = 77
    with pytest.raises(BadImage):
        shown(bytes(data))
