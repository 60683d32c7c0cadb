"""Which strokes of a drawing are one digit, line by line and from left to right.

A drawing of one digit stays as it is: it goes through the contract whole.  Of others each
digit is cut out.  Where digits touch, several ways to cut are offered, and the scores of the
model say which it was; all are rows of one batch.  Turned writing is not turned back.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from adapter.cutting import Piece, Stretch, is_endless, is_wide, steps_of, whole_of
from adapter.ink import Bool, Box, Ink, Int, find_cells, label_cells
from model_store.contract import ImageContract
from model_store.images.composing import blank
from model_store.images.ink import Inked

# Shares of the height of the tallest part, or of a line's tallest.  Chosen on drawings that
# ``benchmarks/digits.py`` composes of MNIST's training digits; it measures on the test digits.
_DOT = 0.2
"""A part that is smaller in both directions is noise, unless it is near a digit."""
_NEAR = 0.12
_OVERLAP = 0.5
"""Parts whose columns overlap by this share of the narrower are strokes of one digit."""
_SHORT, _BESIDE = 0.4, 0.3
"""A part that is shorter, such as the bar of a 5, belongs to a part that is so near."""
_LINE_GAP = 0.25
"""Between two lines at least so much is empty."""
_TALL = 0.45
"""Parts at least so tall can make a line; bars and dots belong to one."""
_NARROW = 0.6
MAX_PARTS = 200
"""More is not writing: a photograph, or a page of dots."""
MAX_PIECES = 256
"""More ways to cut are not tried."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The digits of a drawing.

    Attributes:
        ink: The drawing.
        parts: Which part each cell belongs to, from 1; 0 is the page.
        lines: The stretches of each line.
        brief: Which pieces may be cut, in ways that are left out here; none where none is.
    """

    ink: Ink
    parts: Int
    lines: tuple[tuple[Stretch, ...], ...]
    brief: tuple[int, ...] = ()

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """The pieces of all ways, in the order of the batch."""
        return tuple(step.piece for line in self.lines for steps in line for step in steps)

    def shortened(self) -> Layout:
        """Without the ways to cut what may be one digit, if nothing else may be cut.

        A digit that is merely wide, as one drawing in sixty shows, has a dozen ways to cut, and
        a model that is sure of it whole needs to see none of them.
        """
        stretches = [stretch for line in self.lines for stretch in line]
        wholes = [whole_of(stretch) for stretch in stretches]
        if None in wholes:
            return self
        brief = tuple(at for at, stretch in enumerate(stretches) if len(stretch) > 1)
        uncut = iter([(stretch[at or 0],) for stretch, at in zip(stretches, wholes, strict=True)])
        lines = tuple(tuple(next(uncut) for _ in line) for line in self.lines)
        return replace(self, lines=lines, brief=brief)


def find_digits(inked: Inked | None) -> Layout | None:
    """The digits of a picture; None where it shows one, all of it, or nothing.

    Also None for a model that does not ask for ink: it reads whole pictures.
    """
    if inked is None:
        return None
    ink = find_cells(inked)
    if ink is None or _is_plainly_one(ink.cells) or is_endless(*reversed(ink.cells.shape)):
        return None
    numbered, count = label_cells(ink.cells)
    if count > MAX_PARTS or (count == 1 and not is_wide(*reversed(numbered.shape))):
        return None
    parts = _parts(numbered, count)
    kept = _without_dots(parts)
    lines = tuple(
        tuple(steps_of(piece, numbered, _tallest(line)) for piece in _strokes_joined(line))
        for line in _lines(kept)
    )
    layout = Layout(ink, numbered, lines)
    if count == 1 and len(layout.pieces) > MAX_PIECES:
        return None  # the bar that a 7 begins with could be cut anywhere, and is no row of digits
    return None if len(layout.pieces) == 1 and len(kept) == count else layout


@dataclass(frozen=True, slots=True)
class CutOut:
    """A piece alone, on a page of its own with a margin.

    Attributes:
        page: In the contract's mode.
        left: Where the page's corner is in the whole picture, in its pixels.
        top: As ``left``.
        scale: How many of the whole picture's pixels one of the page is.
    """

    page: Image.Image
    left: int
    top: int
    scale: int


def cut_out(layout: Layout, piece: Piece, contract: ImageContract) -> CutOut:
    """Cut one piece out of the drawing."""
    ink = layout.ink
    side = ink.cell_px // ink.shrunk
    margin = max(2, round(0.1 * piece.box.height))
    rows, columns = layout.parts.shape
    around = Box(
        max(piece.box.left - 1, 0),
        max(piece.box.top - 1, 0),
        min(piece.box.right + 1, columns),
        min(piece.box.bottom + 1, rows),
    )
    numbers = layout.parts[around.top : around.bottom, around.left : around.right]
    mine = np.isin(numbers, piece.parts)
    mine[:, : piece.box.left - around.left] = False
    mine[:, piece.box.right - around.left :] = False
    others = (numbers > 0) & ~mine
    # The soft edge of a line is too faint to be ink, and goes with the line.
    shown = ~others & (_grown(mine) | ~_grown(others))
    mask = Image.fromarray(shown.astype(np.uint8) * np.uint8(255)).resize(
        (around.width * side, around.height * side), Image.Resampling.NEAREST
    )
    left, top = around.left * side, around.top * side
    right, bottom = left + mask.width, top + mask.height
    box = (left, top, min(right, ink.picture.width), min(bottom, ink.picture.height))
    drawn = ink.picture.crop(box)
    page = blank(contract, (mask.width + 2 * margin, mask.height + 2 * margin))
    page.paste(drawn, (margin, margin), mask.crop((0, 0, *drawn.size)))
    corner = ((at + edge * ink.shrunk) for at, edge in zip(ink.at, (left, top), strict=True))
    x, y = (edge - margin * ink.shrunk for edge in corner)
    return CutOut(page, x, y, ink.shrunk)


def _is_plainly_one(cells: Bool) -> bool:
    """Whether no row or column is without ink, and it is as narrow as no two digits are."""
    rows, columns = cells.shape
    if columns > _NARROW * rows:
        return False
    return bool(cells.any(axis=0).all() and cells.any(axis=1).all())


def _parts(numbered: Int, count: int) -> list[Piece]:
    rows, columns = np.nonzero(numbered)
    number = numbered[rows, columns]
    least = np.full((2, count + 1), np.iinfo(np.int32).max)
    most = np.zeros((2, count + 1), np.int64)
    for axis, values in enumerate((columns, rows)):
        np.minimum.at(least[axis], number, values)
        np.maximum.at(most[axis], number, values)
    return [
        Piece(
            Box(
                int(least[0, at]), int(least[1, at]), int(most[0, at]) + 1, int(most[1, at]) + 1
            ),
            (at,),
        )
        for at in range(1, count + 1)
    ]  # fmt: skip


def _without_dots(parts: Sequence[Piece]) -> list[Piece]:
    height = _tallest(parts)

    def is_large(part: Piece) -> bool:
        return max(part.box.width, part.box.height) > _DOT * height

    large = [part for part in parts if is_large(part)]
    # What remains of a broken line is beside a digit; other dots are not.
    near = _NEAR * height
    return [
        part
        for part in parts
        if is_large(part) or any(_distance(part.box, other.box) <= near for other in large)
    ]


def _tallest(parts: Sequence[Piece]) -> int:
    return max(part.box.height for part in parts)


def _distance(one: Box, other: Box) -> float:
    across = max(one.left - other.right, other.left - one.right, 0)
    along = max(one.top - other.bottom, other.top - one.bottom, 0)
    return math.hypot(across, along)


def _lines(parts: Sequence[Piece]) -> Iterator[list[Piece]]:
    """Parts by line, from top to bottom; small ones go to the line they are nearest to."""
    height = _tallest(parts)
    bands: list[tuple[int, int]] = []
    tall = (part.box for part in parts if part.box.height >= _TALL * height)
    for box in sorted(tall, key=lambda box: box.top):
        if bands and box.top < bands[-1][1] + _LINE_GAP * height:
            bands[-1] = (bands[-1][0], max(bands[-1][1], box.bottom))
        else:
            bands.append((box.top, box.bottom))

    def band_of(part: Piece) -> int:
        middle = (part.box.top + part.box.bottom) / 2
        return min(range(len(bands)), key=lambda at: abs(middle - sum(bands[at]) / 2))

    for at in range(len(bands)):
        yield [part for part in parts if band_of(part) == at]


def _strokes_joined(parts: Sequence[Piece]) -> list[Piece]:
    """The digits of a line, from left to right."""
    height = _tallest(parts)
    found: list[Piece] = []
    for part in sorted(parts, key=lambda part: part.box.left):
        joined = part
        if found and _is_one_digit(found[-1].box, part.box, height):
            last = found.pop()
            joined = Piece(_around(last.box, part.box), (*last.parts, *part.parts))
        found.append(joined)
    return found


def _is_one_digit(one: Box, other: Box, height: int) -> bool:
    overlap = min(one.right, other.right) - max(one.left, other.left)
    if overlap >= _OVERLAP * min(one.width, other.width):
        return True
    is_short = min(one.height, other.height) < _SHORT * height
    return is_short and _distance(one, other) <= _BESIDE * height


def _around(one: Box, other: Box) -> Box:
    return Box(
        min(one.left, other.left),
        min(one.top, other.top),
        max(one.right, other.right),
        max(one.bottom, other.bottom),
    )


def _grown(mine: Bool) -> Bool:
    """The cells, and their eight neighbours."""
    tall = mine.copy()
    tall[1:] |= mine[:-1]
    tall[:-1] |= mine[1:]
    grown = tall.copy()
    grown[:, 1:] |= tall[:, :-1]
    grown[:, :-1] |= tall[:, 1:]
    return grown
