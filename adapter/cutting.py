"""Where digits that touch may be cut apart, and which way to cut explains the ink best."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from adapter.ink import Box, Int

# Shares of the height of the line's tallest part.  Chosen on drawings that
# ``benchmarks/digits.py`` composes of MNIST's training digits; it measures on the test digits.
_WIDE, _TOO_WIDE = 1.05, 1.5
"""A part up to the first width is one digit, and one beyond the second several that touch."""
SURE = 0.97
"""Between the two it is one digit if the model is so sure of that."""
_THINNEST, _WIDEST = 0.12, 1.0
"""How wide a piece that is cut out of several digits may be."""
_ENDLESS = 40.0
"""What is so much wider is no row of digits: to look for cuts in it would take minutes."""
_LEAST_WEIGHT = 0.3
_PLACES_APART = 0.07


@dataclass(frozen=True, slots=True)
class Piece:
    """What may be a digit: some parts of the ink, or some columns of one.

    Attributes:
        box: Where, in cells.
        parts: Numbers of the connected parts.
    """

    box: Box
    parts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """A piece of a stretch, from one place where it may be cut to a later one."""

    start: int
    end: int
    piece: Piece


Stretch = tuple[Step, ...]
"""Ink of a line that hangs together.  Each way from place 0 to the last is a way to read it."""


def best_way(stretch: Stretch, height: int, sureness: Sequence[float]) -> list[int]:
    """Which steps explain a stretch best, in order.

    Args:
        stretch: The steps that there are.
        height: That of the line.
        sureness: For each step the model's best score, 0 to 1.
    """
    last = max(step.end for step in stretch)
    whole = whole_of(stretch)
    if whole is not None and (len(stretch) == 1 or sureness[whole] >= SURE):
        return [whole]
    reached: dict[int, tuple[float, list[int]]] = {0: (0.0, [])}
    for at, step in enumerate(stretch):
        if step.start not in reached or at == whole:
            continue
        merit, way = reached[step.start]
        # By width: few wide pieces, or many thin ones, would win by their number otherwise.
        weight = max(step.piece.box.width / height, _LEAST_WEIGHT)
        merit += weight * math.log(max(sureness[at], 1e-4))
        if step.end not in reached or merit > reached[step.end][0]:
            reached[step.end] = (merit, [*way, at])
    return reached[last][1] if last in reached else [0 if whole is None else whole]


def whole_of(stretch: Stretch) -> int | None:
    """Which step is all of the stretch, uncut; None where none is."""
    last = max(step.end for step in stretch)
    return next((at for at, s in enumerate(stretch) if (s.start, s.end) == (0, last)), None)


def line_height(line: Sequence[Stretch]) -> int:
    """Of the tallest piece, in cells."""
    return max(step.piece.box.height for stretch in line for step in stretch)


def is_wide(width: int, height: int) -> bool:
    """Whether a part may be several digits that touch; *height* is that of its line's tallest."""
    return width > _WIDE * height


def is_endless(width: int, height: int) -> bool:
    """Whether a part, or a page, is a line that somebody has drawn and no row of digits."""
    return width > _ENDLESS * height


def steps_of(piece: Piece, numbered: Int, height: int) -> Stretch:
    """The piece as it is, and if it is wide also what it is when it is cut."""
    width = piece.box.width
    if not is_wide(width, height) or is_endless(width, height):
        return (Step(0, 1, piece),)
    columns = numbered[piece.box.top : piece.box.bottom, piece.box.left : piece.box.right]
    amounts = np.isin(columns, piece.parts).sum(axis=0)
    places = _places(amounts, height)
    least, most = _THINNEST * height, _WIDEST * height
    steps = []
    for start, left in enumerate(places):
        for end, right in enumerate(places[start + 1 :], start + 1):
            is_whole = right - left == piece.box.width <= _TOO_WIDE * height
            is_likely = least <= right - left <= most and amounts[left:right].any()
            if is_whole or is_likely:
                box = replace(piece.box, left=piece.box.left + left, right=piece.box.left + right)
                steps.append(Step(start, end, Piece(box, piece.parts)))
    reached = {0}
    for step in steps:  # in the order of their starts
        if step.start in reached:
            reached.add(step.end)
    # A wedge has no place to cut, and a long bar between two digits is none.
    return tuple(steps) if len(places) - 1 in reached else (Step(0, 1, piece),)


def _places(amounts: NDArray[np.int64], height: int) -> list[int]:
    """Columns where a piece may be cut, its ends too: where its *amounts* of ink are small."""
    apart = max(2, round(_PLACES_APART * height))
    least, most = round(_THINNEST * height), len(amounts) - round(_THINNEST * height)
    found = [0]
    for at in range(least, most):
        near = amounts[max(at - apart, 0) : at + apart + 1]
        if amounts[at] == near.min() and at - found[-1] >= apart:
            found.append(at)
    return [*found, len(amounts)]
