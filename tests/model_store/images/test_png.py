"""PNG files of every depth and kind of colour, written by hand, give the pixels written."""

from __future__ import annotations

import itertools
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_store.contract import ImageContract
from model_store.errors import BadImage, ImageTooLarge
from model_store.images.limits import ImageLimits
from model_store.images.png import read_png
from model_store.preprocess import to_tensor
from tests.model_store.images.files import CHANNELS, SIGNATURE, chunk, exif, header, png

HEIGHT, WIDTH = 11, 13
PAGE = (10, 200, 90)
KINDS = [
    (depth, colour)
    for colour, depths in {0: (1, 2, 4, 8, 16), 2: (8, 16), 4: (8, 16), 6: (8, 16)}.items()
    for depth in depths
]
PALETTE = np.random.default_rng(5).integers(0, 256, (256, 3), np.uint8)


def shown(data: bytes, background: tuple[int, int, int] = PAGE) -> np.ndarray:
    """The picture on a coloured page, as it is sent to a model of its size."""
    return to_tensor(data, ImageContract("image", (HEIGHT, WIDTH), background=background))[0]


def random_samples(depth: int, colour: int, seed: int = 0) -> np.ndarray:
    shape = (HEIGHT, WIDTH, CHANNELS[colour])
    return np.random.default_rng(seed).integers(0, 1 << depth, shape)


def as_bytes(samples: np.ndarray, depth: int, colour: int) -> np.ndarray:
    """Samples of any depth in 8 bits: grey is scaled and rounded, of colours the high byte is."""
    if depth == 16:
        return np.rint(samples / 257) if colour == 0 else samples >> 8
    return samples * 255 // ((1 << depth) - 1)


def blended(colours: np.ndarray, alpha: np.ndarray, page: tuple[int, int, int]) -> np.ndarray:
    share = alpha / 255
    return np.floor(colours * share + np.array(page) * (1 - share) + 0.5)


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize(("depth", "colour"), KINDS)
def test_each_depth_and_kind_of_colour_shows_the_samples_on_the_page(depth, colour, interlaced):
    samples = random_samples(depth, colour)
    got = shown(png(samples, depth, colour, interlaced=interlaced))
    narrow = as_bytes(samples, depth, colour)
    alpha = narrow[..., -1:] if colour in (4, 6) else np.full((HEIGHT, WIDTH, 1), 255)
    colours = narrow[..., :3] if colour in (2, 6) else np.repeat(narrow[..., :1], 3, axis=2)
    assert np.array_equal(got, blended(colours, alpha, PAGE))


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_a_palette_of_each_depth_shows_its_colours(depth):
    samples = random_samples(depth, 3)
    data = png(samples, depth, 3, before=[chunk(b"PLTE", PALETTE[: 1 << depth].tobytes())])
    assert np.array_equal(shown(data), PALETTE[samples[..., 0]])


def test_a_palette_that_is_not_there_is_refused():
    with pytest.raises(BadImage, match="cut short"):
        shown(png(random_samples(4, 3), 4, 3))


@pytest.mark.parametrize("length", [0, 1, 3, 5, 768, 900])
def test_a_palette_of_any_length_is_a_picture_or_refused(length):
    data = png(random_samples(8, 3), 8, 3, before=[chunk(b"PLTE", bytes(length))])
    try:
        assert (shown(data) == 0).all()
    except BadImage:
        assert length % 3 or not 3 <= length <= 768


@pytest.mark.parametrize("length", [1, 2, 7, 16, 256, 300])
def test_a_palette_with_alphas_of_any_number_is_blended(length):
    samples = random_samples(4, 3)
    alphas = np.random.default_rng(1).integers(0, 256, length, np.uint8)
    data = png(
        samples, 4, 3,
        before=[chunk(b"PLTE", PALETTE[:16].tobytes()), chunk(b"tRNS", alphas.tobytes())],
    )  # fmt: skip
    every = np.full(256, 255, np.uint8)
    every[: min(length, 256)] = alphas[:256]
    index = samples[..., 0]
    assert np.array_equal(shown(data), blended(PALETTE[index], every[index][..., None], PAGE))


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_a_grey_that_is_named_transparent_shows_the_page(depth):
    samples = random_samples(depth, 0)
    samples[3, 4] = key = (1 << depth) // 2
    got = shown(png(samples, depth, 0, before=[chunk(b"tRNS", struct.pack(">H", key))]))
    want = np.repeat(as_bytes(samples, depth, 0), 3, axis=2)
    want[samples[..., 0] == key] = PAGE
    assert np.array_equal(got, want)


@pytest.mark.parametrize("depth", [8, 16])
def test_a_colour_that_is_named_transparent_shows_the_page(depth):
    samples = random_samples(depth, 2)
    samples[3, 4] = samples[10, 12] = samples[0, 0]
    key = struct.pack(">HHH", *samples[0, 0])
    want = as_bytes(samples, depth, 2)
    want[[0, 3, 10], [0, 4, 12]] = PAGE
    assert np.array_equal(shown(png(samples, depth, 2, before=[chunk(b"tRNS", key)])), want)


def test_of_an_eight_bit_key_the_low_byte_counts():
    samples = random_samples(8, 0)
    data = png(samples, 8, 0, before=[chunk(b"tRNS", struct.pack(">H", 0x700 + samples[0, 0, 0]))])
    assert tuple(shown(data)[0, 0]) == PAGE


def test_what_nobody_sees_is_not_in_the_pixels_beside_it():
    samples = np.zeros((2 * HEIGHT, 2 * WIDTH, 4), int)
    samples[:, ::2] = (255, 0, 255, 0)  # each pixel of the tensor is made of one of these
    samples[:, 1::2] = (100, 100, 100, 255)  # and one of those
    got = shown(png(samples, 8, 6), (200, 200, 200)).astype(int)
    assert got.min() >= 100
    assert np.ptp(got, axis=2).max() == 0


UNNEEDED = {
    "profile": chunk(b"iCCP", b"wide\0\0" + zlib.compress(b"\0" * 900_000)),
    "packed text": chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"x" * 3_000_000)),
    "world text": chunk(b"iTXt", b"Comment\0\1\0\0\0" + zlib.compress(b"x" * 3_000_000)),
    "gamma": chunk(b"gAMA", struct.pack(">I", 22_000)),
    "chromaticities": chunk(b"cHRM", struct.pack(">8I", *[90_000] * 8)),
    "a damaged text": chunk(b"zTXt", b"?"),
    "an unknown one": chunk(b"eaSl", b"?"),
    "animation": chunk(b"acTL", struct.pack(">II", 2**31, 0)),
}


@pytest.mark.parametrize("name", UNNEEDED)
def test_chunks_that_are_no_pixels_change_nothing_and_are_left_out(name):
    samples = random_samples(8, 2)
    for where in ("before", "after"):
        data = png(samples, 8, 2, **{where: [UNNEEDED[name]] * 3})
        assert np.array_equal(shown(data), samples)
        assert read_png(data, ImageLimits()).data == png(samples, 8, 2)


def test_a_file_of_nothing_but_pixels_is_not_copied():
    data = png(random_samples(8, 2), 8, 2)
    assert read_png(data, ImageLimits()).data is data


def test_of_an_animation_the_first_picture_is_shown():
    samples = random_samples(8, 2)
    frame = struct.pack(">IIIIIHHBB", 0, WIDTH, HEIGHT, 0, 0, 1, 10, 0, 0)
    data = png(
        samples, 8, 2,
        before=[chunk(b"acTL", struct.pack(">II", 2, 0)), chunk(b"fcTL", frame)],
        after=[chunk(b"fcTL", frame), chunk(b"fdAT", b"\0\0\0\2" + zlib.compress(b"?"))],
    )  # fmt: skip
    assert np.array_equal(shown(data), samples)
    with pytest.raises(ImageTooLarge, match="more than 1 frames; send a still picture"):
        read_png(data, ImageLimits(max_frames=1))


@pytest.mark.parametrize(("order", "kind"), [*itertools.product("<>", (3, 4))])
def test_which_way_is_up_is_read_in_both_orders_of_bytes(order, kind):
    data = png(random_samples(8, 2), before=[chunk(b"eXIf", exif(6, order, kind)[6:])])
    assert read_png(data, ImageLimits()).orientation == 6


def test_pixels_in_many_chunks_are_the_same_pixels():
    samples = random_samples(8, 2)
    whole = png(samples, 8, 2)
    at = whole.index(b"IDAT") + 4
    packed = whole[at : whole.index(b"IEND") - 8]
    pieces = b"".join(chunk(b"IDAT", packed[i : i + 7]) for i in range(0, len(packed), 7))
    data = SIGNATURE + header(WIDTH, HEIGHT) + pieces + chunk(b"IEND")
    assert np.array_equal(shown(data), samples)


def test_a_second_header_is_refused():
    with pytest.raises(BadImage, match="two headers"):
        shown(png(random_samples(8, 2), before=[header(4000, 4000)]))


def test_a_header_that_promises_more_than_deflate_can_pack_is_refused_before_decoding():
    packed = chunk(b"IDAT", zlib.compress(b"\0" * 1000))
    with pytest.raises(BadImage, match="cut short"):
        read_png(SIGNATURE + header(4000, 4000) + packed + chunk(b"IEND"), ImageLimits())


def test_the_best_that_deflate_can_pack_is_not_refused():
    samples = np.zeros((1500, 1500, 1), np.uint8)
    assert read_png(png(samples, 8, 0), ImageLimits()).width == 1500


@given(st.binary(max_size=12), st.sampled_from([(1, 0), (2, 0), (8, 0), (16, 0), (8, 2), (8, 3)]))
def test_a_transparent_colour_of_any_bytes_is_a_picture_or_refused(key, kind):
    depth, colour = kind
    before = [chunk(b"PLTE", PALETTE[:4].tobytes())] if colour == 3 else []
    samples = random_samples(min(depth, 2), colour)
    try:
        got = shown(png(samples, depth, colour, before=[*before, chunk(b"tRNS", key)]))
        assert got.shape == (HEIGHT, WIDTH, 3)
    except BadImage:
        assert len(key) < (6 if colour == 2 else 2)
