"""From a picture to the tensor of a contract: fitting, centring, turning round."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageOps

from model_store.contract import ImageContract, InkCentring
from model_store.errors import EmptyDrawing
from model_store.images.fitting import FILTERS
from model_store.images.limits import ImageLimits
from model_store.images.pixels import to_pixels
from model_store.preprocess import to_tensor
from tests.model_store.pictures import COLOUR, DIGIT, GREY, encode, photo, three, transparent_three

GOLDEN = Path(__file__).parent / "golden"


def digit(image: Image.Image) -> np.ndarray:
    """The drawing as the numbers model sees it, light on black: ``int[28, 28]``."""
    return to_tensor(encode(image), DIGIT)[0, :, :, 0].astype(int)


def distance(one: np.ndarray, other: np.ndarray) -> float:
    """Mean difference as a share of the ink."""
    return float(np.abs(one - other).sum() / max(one.sum(), other.sum()))


def ink_box(pixels: np.ndarray) -> tuple[int, int]:
    rows, columns = np.nonzero(pixels)
    return int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.*g")), ids=lambda path: path.name)
def test_a_drawing_gives_the_tensor_it_gave_when_the_bundled_model_was_made(path):
    with np.load(GOLDEN / "tensors.npz") as tensors:
        want = tensors[path.name].astype(int)
    # Decoders of other versions may differ by a step or two.
    assert np.abs(to_tensor(path.read_bytes(), DIGIT)[0, :, :, 0] - want).max() <= 6


def test_the_same_bytes_always_give_the_same_tensor():
    data = encode(photo(), "JPEG")
    for contract in (DIGIT, COLOUR, GREY):
        assert np.array_equal(to_tensor(data, contract), to_tensor(data, contract))


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("fit", ["stretch", "contain", "crop"])
@pytest.mark.parametrize("resize", FILTERS)
@pytest.mark.parametrize("source", [(24, 18), (18, 24), (1, 1), (1, 500), (500, 1), (31, 40)])
def test_every_contract_gets_the_shape_it_promises(mode, fit, resize, source):
    contract = ImageContract(
        "image", (31, 40), mode, (255,) * (1 if mode == "L" else 3), resize=resize, fit=fit
    )
    tensor = to_tensor(encode(photo(*source)), contract)
    assert (tensor.dtype, tensor.shape) == (np.uint8, (1, *contract.shape))


def test_a_picture_of_the_right_size_is_not_touched():
    image = photo(28, 28)
    for fit in ("stretch", "contain", "crop"):
        tensor = to_tensor(encode(image), replace(COLOUR, fit=fit))
        assert np.array_equal(tensor[0], np.asarray(image))


def test_stretch_uses_the_whole_picture_and_forgets_its_shape():
    tensor = to_tensor(encode(photo(56, 28)), COLOUR)
    assert np.array_equal(
        tensor[0], np.asarray(photo(56, 28).resize((28, 28), Image.Resampling.BILINEAR))
    )


def test_contain_keeps_the_shape_and_fills_up_with_the_background():
    contract = replace(COLOUR, fit="contain", background=(10, 20, 30))
    wide = to_tensor(encode(Image.new("RGB", (56, 28), "red")), contract)[0]
    assert (wide[:7] == (10, 20, 30)).all()
    assert (wide[7:21] == (255, 0, 0)).all()
    assert (wide[21:] == (10, 20, 30)).all()
    tall = to_tensor(encode(Image.new("RGB", (28, 56), "red")), contract)[0]
    assert np.array_equal(tall, wide.transpose(1, 0, 2))


def test_crop_keeps_the_shape_and_cuts_from_the_middle():
    image = Image.new("RGB", (84, 28), "blue")
    image.paste("red", (28, 0, 56, 28))
    assert (to_tensor(encode(image), replace(COLOUR, fit="crop"))[0] == (255, 0, 0)).all()


@pytest.mark.parametrize("source", [(400, 300), (300, 401), (64, 64), (20, 31), (2000, 260)])
@pytest.mark.parametrize("resize", ["bilinear", "bicubic"])
def test_a_short_side_is_resized_to_and_the_middle_cut_out_as_torchvision_does(source, resize):
    contract = replace(COLOUR, size=(24, 32), fit="crop", resize=resize, short_side_px=40)
    image = photo(*source)
    # torchvision's Resize(40) and CenterCrop((24, 32)), written out.
    width, height = image.size
    wide = (40, int(40 * height / width)) if width <= height else (int(40 * width / height), 40)
    resized = image.resize(wide, FILTERS[resize])
    left, top = round((wide[0] - 32) / 2.0), round((wide[1] - 24) / 2.0)
    want = np.asarray(resized.crop((left, top, left + 32, top + 24)))
    assert np.array_equal(to_tensor(encode(image), contract)[0], want)


@pytest.mark.parametrize("source", [(1, 5000), (5000, 1), (40, 3000)])
def test_of_a_line_of_pixels_only_the_middle_is_made_larger(source):
    contract = replace(COLOUR, size=(224, 224), fit="crop", short_side_px=512)
    line = Image.new("RGB", source, "blue")
    line.paste(
        "red", (source[0] // 2 - 40, source[1] // 2 - 40, source[0] // 2 + 40, source[1] // 2 + 40)
    )
    assert (to_tensor(encode(line), contract)[0] == (255, 0, 0)).all()


def test_inverting_is_the_last_thing_done():
    data = encode(photo())
    plain, turned = (to_tensor(data, replace(COLOUR, invert=invert)) for invert in (False, True))
    assert np.array_equal(turned, 255 - plain)


def test_shrinking_averages_and_does_not_skip_lines():
    stripes = Image.fromarray(np.tile([[0], [255]], (140, 280)).astype(np.uint8))
    pixels = to_tensor(encode(stripes), GREY)
    assert abs(pixels.astype(int) - 127).max() <= 12


def test_ink_fills_its_box_and_its_mass_is_in_the_middle():
    pixels = digit(three())
    assert max(ink_box(pixels)) == 20
    rows, columns = np.indices(pixels.shape) + 0.5
    for axis in (rows, columns):
        assert abs((axis * pixels).sum() / pixels.sum() - 14) <= 0.5


@pytest.mark.parametrize("at", [(0, 0), (5, 5), (150, 0), (0, 75), (155, 75), (60, 40)])
def test_a_digit_anywhere_on_the_page_is_the_same_tensor(at):
    assert np.array_equal(digit(three(at=at)), digit(three(at=(61, 41))))


@pytest.mark.parametrize(("height", "pen"), [(100, 8), (150, 12), (400, 32), (1000, 80)])
def test_a_digit_of_any_size_is_nearly_the_same_tensor(height, pen):
    drawn = three(at=(30, 20), height=height, pen=pen, page=1200)
    assert distance(digit(drawn), digit(three())) < 0.12


@pytest.mark.parametrize("page", [203, 280, 999])
def test_the_size_of_the_page_does_not_matter(page):
    assert np.array_equal(digit(three(at=(1, 1), page=page)), digit(three()))


def test_ink_at_the_edges_of_the_page_is_not_lost():
    frame = ImageOps.expand(Image.new("L", (50, 50), 255), border=4, fill=0)
    pixels = digit(ImageOps.expand(frame, border=60, fill=255))
    assert np.array_equal(digit(ImageOps.expand(frame, border=1, fill=255)), pixels)


@pytest.mark.parametrize("pen", [1, 2, 4, 8, 16, 32, 60])
def test_a_thin_and_a_thick_pen_leave_ink_in_the_box(pen):
    pixels = digit(three(pen=pen))
    assert max(ink_box(pixels)) == 20
    assert pixels.max() >= 20


@pytest.mark.parametrize(("ink", "paper"), [(255, 0), (235, 18), (200, 100)])
def test_light_ink_on_a_dark_page_is_turned_round(ink, paper):
    turned = digit(three(ink=ink, paper=paper))
    assert np.array_equal(turned, digit(three(ink=255 - ink, paper=255 - paper)))


def test_a_page_that_is_dark_but_for_a_white_middle_is_a_dark_page():
    chalk = Image.new("L", (100, 100), 0)
    ImageDraw.Draw(chalk).rectangle((10, 10, 89, 89), fill=255)
    assert digit(chalk)[14, 14] == 255
    assert digit(chalk)[0, 0] == 0


def test_a_transparent_drawing_is_the_drawing_on_white():
    assert np.array_equal(digit(transparent_three()), digit(three()))


def test_coloured_ink_is_ink_by_its_farthest_channel():
    contract = ImageContract("image", (28, 28), ink=InkCentring(20))
    yellow = Image.new("RGB", (100, 100), "white")
    ImageDraw.Draw(yellow).line((20, 20, 80, 80), fill=(255, 255, 0), width=9)
    pixels = to_pixels(yellow, contract)
    assert tuple(pixels[14, 14]) == (255, 255, 0)
    assert tuple(pixels[0, 0]) == (255, 255, 255)


@pytest.mark.parametrize("at", [(0, 0), (279, 279), (140, 3)])
def test_a_single_pixel_is_a_drawing(at):
    image = Image.new("L", (280, 280), 255)
    image.putpixel(at, 0)
    assert ink_box(digit(image)) == (20, 20)


@pytest.mark.parametrize("box", [(0, 100, 279, 100), (100, 0, 100, 279), (0, 0, 0, 0)])
def test_a_hairline_along_the_page_is_a_drawing(box):
    image = Image.new("L", (280, 280), 255)
    ImageDraw.Draw(image).line(box, fill=0)
    assert max(ink_box(digit(image))) == 20


@pytest.mark.parametrize(
    "image",
    [
        Image.new("L", (280, 280), 255),
        Image.new("L", (280, 280), 0),
        Image.new("L", (280, 280), 230),
        Image.new("RGBA", (280, 280), (0, 0, 0, 0)),
        Image.new("L", (1, 1), 255),
        Image.new("1", (9, 9), 1),
    ],
    ids=["white", "black", "off-white", "transparent", "one white pixel", "one bit"],
)
def test_a_page_without_ink_is_an_empty_drawing(image):
    with pytest.raises(EmptyDrawing, match="draw something"):
        to_tensor(encode(image), DIGIT)


def test_without_ink_in_the_contract_an_empty_page_is_a_picture():
    assert (to_tensor(encode(Image.new("L", (280, 280), 255)), GREY) == 255).all()


@pytest.mark.parametrize(("value", "is_ink"), [(255 - 40, False), (255 - 41, True)])
def test_ink_begins_above_the_threshold(value, is_ink):
    image = Image.new("L", (100, 100), 255)
    image.paste(value, (30, 30, 60, 60))
    if is_ink:
        assert digit(image).max() == 41
    else:
        with pytest.raises(EmptyDrawing):
            digit(image)


@given(
    st.integers(1, 60), st.integers(1, 60), st.sampled_from(["L", "RGB", "RGBA", "LA", "1"]),
    st.binary(max_size=64), st.integers(1, 20),
)  # fmt: skip
def test_any_picture_of_any_size_gives_a_tensor_or_is_empty(width, height, mode, content, box):
    channels = len(Image.new(mode, (1, 1)).getbands())
    amount = width * height * channels
    pixels = (content * (amount // max(len(content), 1) + 1))[:amount].ljust(amount, b"\xff")
    if mode == "1":
        image = Image.frombytes("L", (width, height), pixels).convert("1")
    else:
        image = Image.frombytes(mode, (width, height), pixels)
    contract = replace(DIGIT, size=(28, 20), ink=InkCentring(box))
    try:
        tensor = to_tensor(encode(image), contract)
    except EmptyDrawing:
        return
    assert tensor.shape == (1, 28, 20, 1)


def test_the_limit_is_on_pixels_and_includes_itself():
    data = encode(photo(20, 10))
    to_tensor(data, COLOUR, ImageLimits(max_pixels=200))
