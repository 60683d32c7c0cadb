"""AVIF files: the stream's word on its size counts as much as the file's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from benchmarks.hostile import avif, sequence_header
from model_store.contract import ImageContract
from model_store.errors import BadImage, ImageTooLarge
from model_store.images.av1 import frame_sizes
from model_store.images.avif import read_avif
from model_store.images.limits import ImageLimits
from model_store.preprocess import to_tensor
from tests.model_store.images.files import exif
from tests.model_store.pictures import encode, photo

PICTURE = photo(64, 48)
LIMITS = ImageLimits()


def shown(data: bytes, **contract) -> np.ndarray:
    return to_tensor(data, ImageContract("image", (48, 64), **contract))[0].astype(int)


def animation(frames: int) -> bytes:
    more = [Image.new("RGB", (64, 48), (frame, 9, 9)) for frame in range(1, frames)]
    return encode(PICTURE, "AVIF", save_all=True, append_images=more, duration=50, quality=95)


def test_a_picture_of_good_quality_is_about_the_picture():
    got = shown(encode(PICTURE, "AVIF", quality=98, subsampling="4:4:4"))
    assert np.abs(got - np.asarray(PICTURE)).mean() < 2


def test_what_is_transparent_shows_the_contracts_background():
    image = PICTURE.convert("RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 32, 48))
    got = shown(encode(image, "AVIF", quality=98), background=(10, 200, 90))
    assert np.abs(got[:, :28] - (10, 200, 90)).max() <= 2
    assert np.abs(got[:, 36:] - np.asarray(PICTURE)[:, 36:]).mean() < 3


@pytest.mark.parametrize("size", [(64, 48), (2, 2), (4000, 4000), (16, 3000), (65536, 2)])
def test_the_size_that_a_stream_says_is_read(size):
    assert list(frame_sizes([sequence_header(*size)])) == [size]


@pytest.mark.parametrize("options", [{}, {"quality": 100}, {"subsampling": "4:4:4"}])
def test_the_streams_of_real_files_say_the_size_of_the_picture(options):
    for data in (encode(PICTURE, "AVIF", **options), animation(3)):
        assert list(frame_sizes([header_of(data)])) == [(64, 48)]


def header_of(data: bytes) -> bytes:
    """The first two parts of a file's first stream, the second its sequence header."""
    at = data.index(b"mdat") + 4
    return data[at : at + 4 + data[at + 3]]


def test_exif_in_the_file_does_not_turn_the_picture_but_its_own_properties_do():
    turned = read_avif(encode(PICTURE, "AVIF", exif=exif(6)), LIMITS)
    assert (turned.width, turned.height) == (64, 48)
    square = photo(48, 48)
    data = encode(square, "AVIF", exif=exif(6), quality=98)
    want = square.transpose(Image.Transpose.ROTATE_270)
    got = to_tensor(data, ImageContract("image", (48, 48)))[0].astype(int)
    assert np.abs(got - np.asarray(want)).mean() < 4


def test_of_an_animation_the_cover_is_shown_and_its_frames_are_counted():
    data = animation(7)
    assert np.abs(shown(data) - np.asarray(PICTURE)).mean() < 6
    assert b"moov" not in read_avif(data, ImageLimits(max_frames=7)).data
    with pytest.raises(ImageTooLarge, match="more than 6 frames"):
        read_avif(data, ImageLimits(max_frames=6))


def test_an_animation_without_a_cover_is_refused():
    data = animation(3).replace(b"meta", b"skip", 1)
    with pytest.raises(BadImage, match="no still picture"):
        shown(data)


def test_the_same_stream_for_more_items_than_a_picture_has_is_refused():
    limits = ImageLimits(max_pixels=64 * 48)
    with pytest.raises(BadImage, match="again and again"):
        read_avif(avif(sequence_header(64, 48) + bytes(2000), items=3), limits)


def test_more_pixels_than_the_planes_of_a_picture_have_are_refused():
    limits = ImageLimits(max_pixels=64 * 48)
    assert read_avif(avif(sequence_header(64, 48) * 4), limits).width == 64
    with pytest.raises(ImageTooLarge, match="too many pixels"):
        read_avif(avif(sequence_header(64, 48) * 5), limits)


def test_a_stream_whose_frames_may_be_larger_than_it_says_is_refused():
    # The longer header: one operating point, then a size in 16 bits that needs six.
    bits = f"{0:03b}000" + "0" + f"{0:05b}{0:012b}{8:05b}0" + f"{15:04b}{15:04b}{63:016b}{47:016b}"
    header = int(bits.ljust(96, "0"), 2).to_bytes(12, "big")
    with pytest.raises(BadImage):
        list(frame_sizes([b"\x0a\x0c" + header]))


@given(st.binary(max_size=300))
def test_streams_of_random_bytes_are_read_or_refused(stream):
    try:
        sizes = list(frame_sizes([stream]))
    except BadImage:
        return
    assert all(width > 0 and height > 0 for width, height in sizes)


@given(st.binary(max_size=300), st.sampled_from([b"ftypavif", b"ftypmif1"]))
def test_boxes_of_random_bytes_are_refused(content, mark):
    with pytest.raises((BadImage, ImageTooLarge)):
        shown(b"\0\0\0\x0c" + mark + content)
