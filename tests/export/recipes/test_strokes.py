"""Redrawing digits: thinning keeps the shape, redrawing changes the pen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image, ImageDraw

from export.recipes import strokes
from model_store.errors import EmptyDrawing
from tests.model_store.pictures import three


def shape(*rows: str) -> np.ndarray:
    return np.array([[[letter == "#" for letter in row] for row in rows]])


def thin(*rows: str) -> list[str]:
    return ["".join(".#"[int(pixel)] for pixel in row) for row in strokes.thin(shape(*rows))[0]]


def pieces(ink: np.ndarray) -> int:
    """How many parts of *ink* do not touch, corners included."""
    left = set(zip(*np.nonzero(ink), strict=True))
    count = 0
    while left:
        count += 1
        edge = [left.pop()]
        while edge:
            row, column = edge.pop()
            around = {(row + y, column + x) for y in (-1, 0, 1) for x in (-1, 0, 1)} & left
            left -= around
            edge.extend(around)
    return count


def test_a_line_is_thin_already():
    for rows in (["......", ".####.", "......"], ["#...", ".#..", "..#.", "...#"]):
        assert thin(*rows) == rows


def test_nothing_and_a_single_dot_stay_as_they_are():
    assert thin("...", "...") == ["...", "..."]
    assert thin("...", ".#.", "...") == ["...", ".#.", "..."]


def test_a_bar_becomes_a_line_along_its_middle():
    assert thin("........", ".######.", ".######.", ".######.", "........") == [
        "........", "........", "..###...", "........", "........",
    ]  # fmt: skip


def test_ink_may_touch_the_edge():
    left = strokes.thin(np.ones((1, 5, 9), bool))[0]
    assert 0 < left.sum() < 10


def test_a_ring_stays_a_ring():
    ring = Image.new("L", (41, 41), 0)
    ImageDraw.Draw(ring).ellipse((4, 4, 36, 36), outline=255, width=8)
    line = strokes.thin(np.asarray(ring)[np.newaxis] > 127)[0]
    assert pieces(line) == 1
    assert pieces(np.pad(~line, 1, constant_values=True)) >= 1
    hole, outside = ~line[20, 20], ~line[0, 0]
    assert hole
    assert outside
    flooded = Image.fromarray(line.astype(np.uint8) * 255)
    ImageDraw.floodfill(flooded, (0, 0), 128)
    assert flooded.getpixel((20, 20)) == 0


@given(arrays.arrays(np.bool_, (2, 9, 9)))
@settings(max_examples=200)
def test_thinning_only_takes_away_and_a_second_time_takes_nothing(ink):
    before = ink.copy()
    line = strokes.thin(ink)
    assert np.array_equal(ink, before)
    assert not (line & ~ink).any()
    assert np.array_equal(strokes.thin(line), line)
    for one, other in zip(ink, line, strict=True):
        assert pieces(other) <= pieces(one)


@given(arrays.arrays(np.bool_, (3, 8, 8)))
def test_pictures_of_a_batch_do_not_touch_each_other(ink):
    alone = np.concatenate([strokes.thin(ink[at : at + 1]) for at in range(3)])
    assert np.array_equal(strokes.thin(ink), alone)


def test_skeletons_are_lines_at_twice_the_size():
    digit = 255 - np.asarray(three(page=28, at=(6, 3), height=22, pen=4))
    lines = strokes.skeletons(digit[np.newaxis])
    assert (lines.shape, lines.dtype) == ((1, 56, 56), np.uint8)
    assert set(np.unique(lines)) == {0, 255}
    ink = np.asarray(Image.fromarray(digit).resize((56, 56), Image.Resampling.BICUBIC)) > 127
    assert 20 < (lines[0] > 0).sum() < ink.sum() / 3


@pytest.fixture(scope="session")
def skeleton():
    digit = 255 - np.asarray(three(page=28, at=(6, 3), height=22, pen=4))
    return strokes.skeletons(digit[np.newaxis])[0]


def test_a_digit_of_which_nothing_is_left_is_an_empty_drawing():
    with pytest.raises(EmptyDrawing):
        strokes.redraw(np.zeros((56, 56), np.uint8), np.random.default_rng(1))


@given(seed=st.integers(0, 2**32))
@settings(max_examples=40)
def test_a_redrawn_digit_is_dark_ink_on_a_white_page(skeleton, seed):
    page = strokes.redraw(skeleton, np.random.default_rng(seed))
    assert (page.mode, page.size) == ("L", (strokes.PAGE_PX, strokes.PAGE_PX))
    pixels = np.asarray(page)
    assert np.median(pixels) == 255
    assert pixels.min() < 100


def test_the_same_seed_draws_the_same_and_another_one_something_else(skeleton):
    one, again, other = (
        np.asarray(strokes.redraw(skeleton, np.random.default_rng(seed))) for seed in (1, 1, 2)
    )
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_pens_are_hairlines_and_finger_paint(skeleton):
    shares = [
        (np.asarray(strokes.redraw(skeleton, np.random.default_rng(seed))) < 128).mean()
        for seed in range(60)
    ]
    assert min(shares) < 0.02
    assert max(shares) > 0.10
