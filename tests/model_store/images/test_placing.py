"""The way back from a model's pixels to the picture's, held against what preprocessing does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from model_store.contract import ImageContract
from model_store.errors import EmptyDrawing
from model_store.images.pixels import to_pixels
from model_store.images.placing import Part, shown_part
from tests.model_store.pictures import DIGIT

STRETCH = ImageContract(tensor="image", size=(40, 60), background=(0, 0, 255))
CONTRACTS = {
    "stretch": STRETCH,
    "contain": replace(STRETCH, fit="contain"),
    "crop": replace(STRETCH, fit="crop"),
    "short side": replace(STRETCH, fit="crop", short_side_px=72),
}


def slope(width: int, height: int) -> Image.Image:
    """Red grows to the right and green downwards, by place in the picture; blue is nothing."""
    across = np.broadcast_to(np.linspace(0, 255, width)[None], (height, width))
    along = np.broadcast_to(np.linspace(0, 255, height)[:, None], (height, width))
    return Image.fromarray(np.stack([across, along, 0 * along], axis=2).astype(np.uint8))


@pytest.mark.parametrize("name", CONTRACTS)
@given(st.integers(30, 400), st.integers(30, 400))
def test_each_pixel_shows_the_place_that_is_said(name, width, height):
    contract = CONTRACTS[name]
    pixels = to_pixels(slope(width, height), contract).astype(float)
    part = shown_part(slope(width, height), contract)
    rows, columns = contract.size
    x = part.left + (np.arange(columns) + 0.5) / columns * (part.right - part.left)
    y = part.top + (np.arange(rows) + 0.5) / rows * (part.bottom - part.top)
    is_page = pixels[..., 2] > 5
    # Not the edges, where a pixel is partly of the page or averaged one-sidedly.
    inner_x = (x > 0.1 * width) & (x < 0.9 * width)
    inner_y = (y > 0.1 * height) & (y < 0.9 * height)
    inside = inner_y[:, None] & inner_x[None, :]
    assert inside.any()
    assert not is_page[inside].any()
    red = np.broadcast_to((x / width * 255)[None], is_page.shape)
    green = np.broadcast_to((y / height * 255)[:, None], is_page.shape)
    assert np.abs(pixels[..., 0] - red)[inside].max() < 255 / min(width, columns) + 3
    assert np.abs(pixels[..., 1] - green)[inside].max() < 255 / min(height, rows) + 3


@given(
    st.tuples(st.integers(0, 150), st.integers(0, 100)),
    st.tuples(st.integers(12, 100), st.integers(12, 100)),
    st.booleans(),
)
def test_ink_is_where_it_was_drawn(at, size, is_dark):
    (left, top), (width, height) = at, size
    page = Image.new("L", (260, 210), 255)
    ImageDraw.Draw(page).rectangle((left, top, left + width - 1, top + height - 1), fill=0)
    page = page.point(lambda value: 255 - value) if is_dark and left and top else page
    part = shown_part(page, DIGIT)
    rows, columns = np.nonzero(to_pixels(page, DIGIT)[..., 0] > 127)
    scale = (part.right - part.left) / 28, (part.bottom - part.top) / 28
    assert part.left + columns.min() * scale[0] == pytest.approx(left, abs=scale[0])
    assert part.left + (columns.max() + 1) * scale[0] == pytest.approx(left + width, abs=scale[0])
    assert part.top + rows.min() * scale[1] == pytest.approx(top, abs=scale[1])
    assert part.top + (rows.max() + 1) * scale[1] == pytest.approx(top + height, abs=scale[1])


def test_a_part_moves():
    assert Part(1, 2, 3, 4).moved(10, 20) == Part(11, 22, 13, 24)
    assert Part(1, 2, 3, 4).scaled(2) == Part(2, 4, 6, 8)


def test_without_ink_there_is_no_part():
    with pytest.raises(EmptyDrawing):
        shown_part(Image.new("L", (20, 20), 255), DIGIT)
