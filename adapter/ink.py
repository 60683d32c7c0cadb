"""Where the ink of a drawing is, and which of it hangs together.

Works on a coarse grid of cells, so that a large picture costs no more than a small one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model_store.images.ink import Inked

# Cells along the height of the ink, at least: gaps of three hundredths of it are still seen.
_CELLS = 72

# A cell of a large picture is reduced to so many pixels.
_CELL_PX = 4

Bool = NDArray[np.bool_]
Int = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle; right and bottom are one beyond the last."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """From left to right."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """From top to bottom."""
        return self.bottom - self.top


@dataclass(frozen=True, slots=True)
class Ink:
    """The ink of one picture on a grid.

    Attributes:
        picture: The part with ink, dark if the background is light, and the other way round.  A
            large one is reduced: digits become small anyway, and hundreds may be cut out.
        at: Left and top of that part in the whole picture's pixels.
        size: Width and height of the whole picture.
        cell_px: Side of one cell in the whole picture's pixels.
        shrunk: So many of its pixels became one of ``picture``, in each direction.
        cells: Where there is ink: ``bool[rows, columns]``.
    """

    picture: Image.Image
    at: tuple[int, int]
    size: tuple[int, int]
    cell_px: int
    shrunk: int
    cells: Bool

    def to_pixels(self, box: Box) -> Box:
        """A box of cells in the picture's pixels."""
        (left, top), side = self.at, self.cell_px
        return Box(
            left + box.left * side,
            top + box.top * side,
            min(left + box.right * side, self.size[0]),
            min(top + box.bottom * side, self.size[1]),
        )


def find_cells(inked: Inked) -> Ink | None:
    """The ink of a picture on a grid; None where there is none."""
    if inked.box is None:
        return None
    left, top, right, bottom = inked.box
    side = max(1, (bottom - top) // _CELLS)
    shrunk = max(1, side // _CELL_PX)
    side = side // shrunk * shrunk
    part = inked.cut(inked.box)
    part = part.reduce(shrunk) if shrunk > 1 else part
    cells = _reduced(inked.is_ink[top:bottom, left:right], side)
    return Ink(part, (left, top), inked.picture.size, side, shrunk, cells)


def label_cells(cells: Bool) -> tuple[Int, int]:
    """Number the connected parts, diagonals included: ``int32[rows, columns]`` from 1, and how many.

    The runs of each row are joined with those they touch in the row above.
    """
    rows, columns = cells.shape
    stride = columns + 2
    padded = np.zeros((rows, stride), np.int8)
    padded[:, 1:-1] = cells
    edges = np.diff(padded.ravel())
    starts, ends = np.flatnonzero(edges == 1) + 1, np.flatnonzero(edges == -1) + 1
    # A row further up, or beside, is more than one cell away from where a run lies then.
    firsts = np.searchsorted(ends, starts - stride, "left").tolist()
    lasts = np.searchsorted(starts, ends - stride, "right").tolist()
    names, parents = _joined(firsts, lasts)
    roots = dict.fromkeys(_root(parents, name) for name in range(len(parents)))
    if len(roots) == 1:
        return cells.astype(np.int32), 1
    numbers = {root: 1 + at for at, root in enumerate(roots)}
    marks = np.zeros(rows * stride + 1, np.int32)
    named = np.array([numbers[_root(parents, name)] for name in names], np.int32)
    marks[starts] += named
    marks[ends] -= named
    return marks.cumsum()[:-1].reshape(rows, stride)[:, 1:-1].astype(np.int32), len(numbers)


def _joined(firsts: list[int], lasts: list[int]) -> tuple[list[int], list[int]]:
    """A name for each run, by which of the runs before it it touches; and what names turn out one."""
    names: list[int] = []
    parents: list[int] = []
    for first, last in zip(firsts, lasts, strict=True):
        if first >= last:
            names.append(len(parents))
            parents.append(len(parents))
            continue
        name = names[first]
        for other in names[first + 1 : last]:
            if other != name:
                parents[_root(parents, other)] = _root(parents, name)
        names.append(name)
    return names, parents


def _root(parents: list[int], run: int) -> int:
    while parents[run] != run:
        parents[run] = parents[parents[run]]
        run = parents[run]
    return run


def _reduced(pixels: Bool, side: int) -> Bool:
    """Cells of *side* pixels; one pixel of ink makes a cell ink."""
    if side == 1:
        return pixels
    # Row by row of every cell, then column by column: a tenth of what `any` over both costs.
    # Not filled up to whole cells before: a tall thin picture would take gigabytes.
    rows = pixels[::side].copy()
    for at in range(1, side):
        part = pixels[at::side]
        rows[: len(part)] |= part
    found: Bool = rows[:, ::side].copy()
    for at in range(1, min(side, rows.shape[1])):
        columns = rows[:, at::side]
        found[:, : columns.shape[1]] |= columns
    return found
