"""Decoding what clients send: every format and mode, and files that mean harm."""

from __future__ import annotations

import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from model_store.errors import BadImage, ImageTooLarge
from model_store.images.decoding import FORMATS
from model_store.images.limits import ImageLimits
from model_store.preprocess import to_tensor
from tests.model_store.pictures import (
    COLOUR,
    DIGIT,
    GREY,
    encode,
    gif_claiming,
    jpeg_claiming,
    patched,
    photo,
    png_claiming,
    three,
    webp_claiming,
    with_chunk,
)

PICTURE = photo(28, 28)
WITH_HOLES = PICTURE.copy()
WITH_HOLES.putalpha(Image.fromarray(np.tile(np.array([255, 254], np.uint8), (28, 14))))
FILES = {
    "png": encode(PICTURE),
    "png, palette": encode(PICTURE.quantize(16)),
    "png, one bit": encode(PICTURE.convert("1")),
    "png, alpha": encode(PICTURE.convert("RGBA")),
    "jpeg": encode(PICTURE, "JPEG"),
    "jpeg, progressive": encode(PICTURE, "JPEG", progressive=True),
    "jpeg, grey": encode(PICTURE.convert("L"), "JPEG"),
    "jpeg, cmyk": encode(PICTURE.convert("CMYK"), "JPEG"),
    "gif": encode(PICTURE.quantize(64), "GIF"),
    "gif, animated": encode(
        PICTURE.quantize(64), "GIF", save_all=True, append_images=[Image.new("P", (28, 28), 3)]
    ),
    "webp": encode(PICTURE, "WEBP"),
    "webp, lossless": encode(PICTURE, "WEBP", lossless=True),
    "webp, alpha": encode(PICTURE.convert("RGBA"), "WEBP", lossless=True),
    "avif": encode(PICTURE, "AVIF", quality=95),
    "avif, alpha": encode(WITH_HOLES, "AVIF", quality=95),
    "avif, animated": encode(
        PICTURE, "AVIF", save_all=True, append_images=[Image.new("RGB", (28, 28))], duration=100
    ),
    "bmp": encode(PICTURE, "BMP"),
    "bmp, one bit": encode(PICTURE.convert("1"), "BMP"),
}


def colours(data: bytes) -> np.ndarray:
    return to_tensor(data, COLOUR)[0].astype(int)


@pytest.mark.parametrize("name", ["png", "png, alpha", "webp, lossless", "webp, alpha", "bmp"])
def test_a_lossless_file_gives_its_own_pixels(name):
    assert np.array_equal(colours(FILES[name]), np.asarray(PICTURE))


@pytest.mark.parametrize("name", FILES)
def test_every_format_gives_about_the_picture(name):
    want = np.asarray(PICTURE.convert("L"), int)
    coarse = 60 if "one bit" in name else 6  # dithered black and white
    got = to_tensor(FILES[name], GREY)[0, :, :, 0]
    assert abs(got.mean() - want.mean()) < coarse


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_what_is_transparent_shows_the_background(mode):
    image = Image.new("RGBA", (28, 28), (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), (0, 0, 14, 28))
    kind, image = ("PNG", image.convert(mode)) if mode != "PA" else ("GIF", image)
    pixels = colours(encode(image, kind))
    assert (pixels[:, :14] == 0).all()
    assert (pixels[:, 14:] == 255).all()


def test_what_is_half_transparent_shows_half_the_background():
    image = Image.new("RGBA", (28, 28), (200, 0, 0, 128))
    assert np.abs(colours(encode(image)) - (227, 127, 127)).max() <= 1


@pytest.mark.parametrize("source", ["L", "RGB", "1"])
def test_a_colour_named_transparent_shows_the_background(source):
    image = Image.new(source, (28, 28), 0)
    image.paste(1 if source == "1" else (7 if source == "L" else (7, 8, 9)), (0, 0, 28, 14))
    key = {"L": 0, "RGB": (0, 0, 0), "1": 0}[source]
    pixels = colours(encode(image, transparency=key))
    assert (pixels[14:] == 255).all()
    assert (pixels[0, 0] == {"L": (7, 7, 7), "RGB": (7, 8, 9), "1": (255, 255, 255)}[source]).all()


def test_a_palette_with_a_transparent_entry_shows_the_background():
    image = Image.new("P", (28, 28), 0)
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.paste(1, (0, 0, 28, 14))
    pixels = colours(encode(image, transparency=0))
    assert (pixels[:14] == (0, 0, 255)).all()
    assert (pixels[14:] == 255).all()


def test_a_palette_with_an_alpha_for_each_entry_is_blended():
    image = Image.new("P", (28, 28), 0)
    image.putpalette([0, 0, 0, 0, 0, 0])
    image.paste(1, (0, 0, 28, 14))
    pixels = colours(encode(image, transparency=bytes([128, 255])))
    assert (pixels[:14] == 0).all()
    assert np.abs(pixels[14:] - 127).max() <= 1


def test_transparency_is_filled_with_the_contracts_background():
    image = Image.new("RGBA", (9, 9), (0, 0, 0, 0))
    on_red = to_tensor(encode(image), type(COLOUR)("image", (4, 4), background=(255, 0, 0)))
    assert (on_red == (255, 0, 0)).all()


def test_sixteen_bits_of_grey_are_scaled_and_not_clipped():
    wide = np.linspace(0, 65535, 28 * 28).astype(np.uint16).reshape(28, 28)
    got = to_tensor(encode(Image.fromarray(wide)), GREY)[0, :, :, 0]
    assert np.abs(got - wide / 257).max() <= 0.5
    assert (int(got.min()), int(got.max())) == (0, 255)


def test_cmyk_has_the_colours_that_were_printed():
    red = Image.new("RGB", (28, 28), (255, 0, 0)).convert("CMYK")
    assert np.abs(colours(encode(red, "JPEG", quality=95)) - (255, 0, 0)).max() <= 6


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_says_which_way_is_up(kind, orientation):
    upright = photo(28, 28)
    # What a camera stores for each orientation is the inverse of what a viewer does.
    stored = {
        1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_270,
    }[orientation]  # fmt: skip
    image = upright if stored is None else upright.transpose(stored)
    exif = Image.Exif()
    exif[0x0112] = orientation
    lossless = {"lossless": True} if kind == "WEBP" else {}
    pixels = colours(encode(image, kind, exif=exif, **lossless))
    assert np.abs(pixels - np.asarray(upright)).mean() < 4


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize(
    "exif",
    [
        b"\xff\xff\xff",
        b"Exif\0\0",
        b"Exif\0\0II*\0\xff\xff\xff\xff",
        b"Exif\0\0II*\0\x08\0\0\0\x09",
    ],
)
def test_damaged_exif_does_not_damage_the_picture(kind, exif):
    assert np.abs(colours(encode(PICTURE, kind, exif=exif)) - np.asarray(PICTURE)).mean() < 4


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "AVIF"])
def test_of_an_animation_the_first_frame_counts(kind):
    frames = [Image.new("RGB", (28, 28), colour) for colour in ("red", "blue", "green")]
    data = encode(frames[0], kind, save_all=True, append_images=frames[1:], duration=100)
    assert np.abs(colours(data) - (255, 0, 0)).max() <= 2


def test_a_cameras_multi_picture_jpeg_is_a_jpeg():
    data = encode(PICTURE, "MPO", save_all=True, append_images=[Image.new("RGB", (28, 28))])
    assert np.array_equal(colours(data), colours(encode(PICTURE, "JPEG")))


@pytest.mark.parametrize("name", FILES)
def test_a_file_cut_short_anywhere_is_refused_or_was_complete(name):
    data = FILES[name]
    whole = to_tensor(data, COLOUR)
    for length in range(len(data)):
        try:
            assert np.array_equal(to_tensor(data[:length], COLOUR), whole)
        except (BadImage, ImageTooLarge):
            continue


SIGNATURES = [
    b"",
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff",
    b"GIF89a",
    b"BM",
    b"RIFF\x24\0\0\0WEBPVP8 ",
]


@given(st.sampled_from(SIGNATURES), st.binary(max_size=200))
@example(b"", b"")
@settings(max_examples=300)
def test_random_bytes_are_refused_and_nothing_else(signature, rest):
    with pytest.raises((BadImage, ImageTooLarge)):
        to_tensor(signature + rest, DIGIT)


@pytest.mark.parametrize("kind", ["TIFF", "ICO", "PPM", "TGA", "PCX"])
def test_a_picture_of_another_format_is_refused_with_the_formats_there_are(kind):
    with pytest.raises(BadImage, match=", ".join(FORMATS)):
        to_tensor(encode(three(page=32), kind), COLOUR)


@pytest.mark.parametrize(
    "data", [b"%PDF-1.7\n", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"%!PS"]
)
def test_documents_are_no_pictures(data):
    with pytest.raises(BadImage, match="not an image"):
        to_tensor(data, COLOUR)


BOMBS = {
    "png 50000x50000": png_claiming(50_000, 50_000),
    "png 10000x10000": png_claiming(10_000, 10_000),
    "png as large as can be said": png_claiming(2**31 - 1, 2**31 - 1),
    "jpeg 65000x65000": jpeg_claiming(65_000, 65_000),
    "jpeg 10000x10000": jpeg_claiming(10_000, 10_000),
    "webp 16383x16383": webp_claiming(16_383, 16_383),
    "gif with a page of 60000x60000": patched("GIF", 6, struct.pack("<HH", 60_000, 60_000)),
    "gif with a frame of 60000x60000": gif_claiming(60_000, 60_000),
    "bmp 50000x50000": patched("BMP", 18, struct.pack("<ii", 50_000, 50_000)),
    "bmp -5x4": patched("BMP", 18, struct.pack("<ii", -5, 4)),
    "just over the limit": png_claiming(4001, 4000),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_small_file_that_claims_a_large_picture_is_refused_before_it_is_decoded(name):
    tracemalloc.start()
    try:
        with pytest.raises(ImageTooLarge, match="send a smaller one"):
            to_tensor(BOMBS[name], COLOUR)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000


def test_a_real_picture_of_too_many_pixels_is_refused_with_both_numbers():
    data = encode(Image.new("L", (5000, 5000), 255))
    with pytest.raises(ImageTooLarge, match="is 5000x5000; at most 16000000 pixels"):
        to_tensor(data, COLOUR)


def test_one_pixel_more_than_the_limit_is_too_many():
    with pytest.raises(ImageTooLarge, match="at most 783 pixels"):
        to_tensor(FILES["png"], COLOUR, ImageLimits(max_pixels=28 * 28 - 1))


@pytest.mark.parametrize("size", [(65_536, 1), (1, 65_536)])
def test_a_picture_longer_than_any_camera_makes_is_refused(size):
    with pytest.raises(ImageTooLarge, match="no side may be longer than 65535 pixels"):
        to_tensor(encode(Image.new("L", size, 255)), COLOUR)


def test_a_picture_without_pixels_is_refused():
    for size in ((0, 28), (28, 0)):
        with pytest.raises(BadImage):
            to_tensor(png_claiming(*size), COLOUR)


def test_a_chunk_that_nobody_knows_is_passed_over():
    assert np.array_equal(colours(with_chunk(FILES["png"], b"eaSl", b"?")), np.asarray(PICTURE))
