"""Where the digits of a drawing are, without a model."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from adapter.cutting import Step, best_way, line_height
from adapter.digits import MAX_PARTS, MAX_PIECES, cut_out, find_digits
from model_store.contract import InkCentring
from model_store.images.ink import find_ink
from tests.adapter.writing import write
from tests.model_store.pictures import DIGIT, GREY, three


def boxes(page):
    """The places of the digits in pixels, line by line, where nothing has to be cut."""
    layout = find_digits(find_ink(page, DIGIT))
    return [[layout.ink.to_pixels(steps[0].piece.box) for steps in line] for line in layout.lines]


def strokes(*boxes, size=(400, 200)):
    page = Image.new("L", size, 255)
    for box in boxes:
        ImageDraw.Draw(page).rectangle(box, fill=0)
    return page


def test_digits_are_found_from_left_to_right_and_cut_out_alone():
    page = write("4190")
    (line,) = boxes(page)
    assert [box.left for box in line] == sorted(box.left for box in line)
    assert len(line) == 4
    layout = find_digits(find_ink(page, DIGIT))
    for box, piece in zip(line, layout.pieces, strict=True):
        alone = np.asarray(cut_out(layout, piece, DIGIT).page)
        there = np.asarray(page)[box.top : box.bottom, box.left : box.right]
        assert alone.min() == there.min()
        assert (alone < 200).sum() == (there < 200).sum()
        assert (alone[[0, -1]] == 255).all()


@pytest.mark.parametrize("page", [three(), write("0"), write("1"), write("4"), three(pen=40)])
def test_one_digit_stays_whole(page):
    assert find_digits(find_ink(page, DIGIT)) is None


@pytest.mark.parametrize("width", range(40, 260, 20))
def test_a_bar_that_a_digit_begins_with_is_never_too_much(width):
    page = strokes((10, 40, 10 + width, 60), size=(280, 280))
    layout = find_digits(find_ink(page, DIGIT))
    assert layout is None or len(layout.pieces) <= MAX_PIECES


def test_a_line_drawn_right_across_a_page_is_not_cut_at_every_place():
    # Each pair of places would be a piece: hours of work for a picture of 400 bytes.
    assert find_digits(find_ink(strokes((2, 4, 59_990, 7), size=(60_000, 12)), DIGIT)) is None
    lines = [(2, top, 5000, top + 2) for top in range(2, 122, 6)]
    layout = find_digits(find_ink(strokes(*lines, size=(5010, 130)), DIGIT))
    assert layout is None or len(layout.pieces) <= len(lines)


def test_a_model_that_reads_whole_pictures_is_given_no_digits():
    assert find_digits(find_ink(write("12"), GREY)) is None


def test_dots_are_dropped_also_beside_a_single_digit():
    page = three()
    ImageDraw.Draw(page).ellipse((250, 10, 256, 16), fill=0)
    (line,) = boxes(page)
    assert len(line) == 1
    assert line[0].right < 250


def test_strokes_above_each_other_and_bars_beside_are_one_digit():
    stem_and_bar = [(40, 40, 50, 160), (52, 40, 90, 50)]
    above = [(200, 40, 260, 50), (205, 62, 255, 160)]
    (line,) = boxes(strokes(*stem_and_bar, *above))
    assert [(box.left, box.right) for box in line] == [(40, 91), (200, 261)]


def test_lines_are_read_from_top_to_bottom():
    lines = boxes(write("419", "07"))
    assert [len(line) for line in lines] == [3, 2]
    assert max(box.bottom for box in lines[0]) < min(box.top for box in lines[1])


def test_what_is_too_wide_for_one_digit_can_be_cut():
    page = strokes((40, 40, 60, 160), (40, 95, 220, 105), (200, 40, 220, 160), (300, 40, 320, 160))
    layout = find_digits(find_ink(page, DIGIT))
    stretch, alone = layout.lines[0]
    assert len(alone) == 1
    assert len(stretch) > 1
    height = line_height(layout.lines[0])
    assert all(step.piece.box.width <= 1.5 * height for step in stretch)
    assert {step.start for step in stretch if step.start} <= {step.end for step in stretch}


def test_a_sure_model_keeps_a_wide_digit_whole_and_another_cuts_it():
    piece = find_digits(find_ink(write("11"), DIGIT)).pieces[0]

    def wide(width):
        return replace(piece, box=replace(piece.box, left=0, right=width))

    stretch = (Step(0, 1, wide(50)), Step(0, 2, wide(120)), Step(1, 2, wide(70)))
    assert best_way(stretch, 100, [0.9, 0.98, 0.9]) == [1]
    assert best_way(stretch, 100, [0.9, 0.90, 0.9]) == [0, 2]
    # No way from one end to the other but the whole.
    assert best_way((stretch[1], stretch[2]), 100, [0.1, 0.9]) == [0]


def test_what_is_wide_and_has_no_place_to_cut_is_one_piece():
    page = Image.new("L", (700, 200), 255)
    ImageDraw.Draw(page).polygon([(20, 180), (450, 180), (450, 20)], fill=0)
    assert find_digits(find_ink(page, DIGIT)) is None
    ImageDraw.Draw(page).rectangle((600, 20, 620, 180), fill=0)
    wedge, one = find_digits(find_ink(page, DIGIT)).lines[0]
    assert (len(wedge), len(one)) == (1, 1)
    assert best_way(wedge, 160, [0.1]) == [0]


def test_a_page_of_dots_is_no_writing():
    page = Image.new("L", (600, 600), 255)
    for at in range(MAX_PARTS + 1):
        x, y = 10 + 30 * (at % 18), 10 + 30 * (at // 18)
        ImageDraw.Draw(page).rectangle((x, y, x + 8, y + 8), fill=0)
    assert find_digits(find_ink(page, DIGIT)) is None


rectangles = st.tuples(
    st.integers(0, 180), st.integers(0, 80), st.integers(1, 60), st.integers(1, 60)
)


@settings(max_examples=40)
@given(st.lists(rectangles, min_size=1, max_size=12), st.integers(0, 254))
def test_any_strokes_make_pieces_with_ink_that_lie_on_the_page(boxes, threshold):
    page = strokes(*[(x, y, x + w, y + h) for x, y, w, h in boxes], size=(200, 100))
    contract = replace(DIGIT, ink=InkCentring(20, threshold))
    layout = find_digits(find_ink(page, contract))
    for piece in layout.pieces if layout else ():
        alone = np.asarray(cut_out(layout, piece, contract).page)
        assert alone.min() == 0
        place = layout.ink.to_pixels(piece.box)
        assert 0 <= place.left < place.right <= 200
        assert 0 <= place.top < place.bottom <= 100
    for line in layout.lines if layout else ():
        for stretch in line:
            way = best_way(stretch, line_height(line), [0.5] * len(stretch))
            assert all(stretch[a].end == stretch[b].start for a, b in pairwise(way))
