"""Which cells of a drawing hang together."""

from __future__ import annotations

import tracemalloc
from collections import deque

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image, ImageDraw, ImageOps

from adapter.ink import Box, find_cells, label_cells
from model_store.images.ink import find_ink
from tests.model_store.pictures import DIGIT


def flooded(cells: np.ndarray) -> list[set[tuple[int, int]]]:
    """The same by walking from cell to cell."""
    left = {(int(row), int(column)) for row, column in np.argwhere(cells)}
    parts = []
    while left:
        part, waiting = set(), deque([left.pop()])
        while waiting:
            row, column = waiting.pop()
            part.add((row, column))
            for near in [(row + y, column + x) for y in (-1, 0, 1) for x in (-1, 0, 1)]:
                if near in left:
                    left.remove(near)
                    waiting.append(near)
        parts.append(part)
    return parts


@given(arrays.arrays(np.bool_, st.tuples(st.integers(1, 14), st.integers(1, 14))))
def test_parts_are_what_a_walk_from_cell_to_cell_reaches(cells):
    numbered, count = label_cells(cells)
    parts = [set(map(tuple, np.argwhere(numbered == at + 1).tolist())) for at in range(count)]
    assert sorted(map(sorted, parts)) == sorted(map(sorted, flooded(cells)))
    assert np.array_equal(numbered > 0, cells)


@pytest.mark.parametrize("is_dark", [False, True])
def test_ink_is_found_where_it_is_also_light_on_dark(is_dark):
    page = Image.new("L", (300, 200), 255)
    ImageDraw.Draw(page).rectangle((40, 50, 59, 149), fill=0)
    ink = find_cells(find_ink(ImageOps.invert(page) if is_dark else page, DIGIT))
    rows, columns = ink.cells.shape
    assert ink.to_pixels(Box(0, 0, columns, rows)) == Box(40, 50, 60, 150)
    assert ink.cells.all()
    assert np.array_equal(np.asarray(ink.picture), np.asarray(page.crop((40, 50, 60, 150))))


def test_a_large_picture_has_no_more_cells_and_keeps_thin_lines():
    page = Image.new("L", (4000, 3000), 255)
    ImageDraw.Draw(page).line((100, 100, 3900, 2900), fill=0, width=1)
    ink = find_cells(find_ink(page, DIGIT))
    assert ink.cells.shape[0] < 250
    assert label_cells(ink.cells)[1] == 1
    whole = ink.to_pixels(Box(0, 0, ink.cells.shape[1], ink.cells.shape[0]))
    assert (whole.left, whole.top) == (100, 100)
    assert whole.right <= 4000
    assert whole.bottom <= 3000


def test_an_empty_page_has_none():
    assert find_cells(find_ink(Image.new("L", (50, 50), 255), DIGIT)) is None


def test_a_tall_thin_line_takes_no_more_memory_than_its_picture():
    page = Image.new("L", (4, 65_535), 255)
    ImageDraw.Draw(page).rectangle((1, 5, 2, 65_000), fill=0)
    tracemalloc.start()
    try:
        ink = find_cells(find_ink(page, DIGIT))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert ink.cells.all()
    assert peak < 16 * page.width * page.height
