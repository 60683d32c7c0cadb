"""A drawing of one or several digits in, the number out.  Knows no HTTP and no gRPC."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adapter.classify import Classification, Classifier, Ranked, rank, scores_of
from adapter.cutting import SURE, best_way, line_height
from adapter.deadline import Deadline
from adapter.digits import MAX_PIECES, Layout, cut_out, find_digits
from adapter.ink import Box
from model_store.contract import ImageContract
from model_store.errors import InvalidRequest
from model_store.images.composing import compose
from model_store.images.decoding import decode_image
from model_store.images.ink import find_ink
from model_store.images.pixels import to_pixels

# Readings of the whole number that are ranked.
_READINGS = 10


@dataclass(frozen=True, slots=True)
class Digit:
    """One digit of several: what it may be, best first, and where, in the picture's pixels."""

    predictions: tuple[Ranked, ...]
    box: Box


@dataclass(frozen=True, slots=True)
class Number:
    """What was read.

    Attributes:
        reading: The number as a whole, the likeliest first, and who read it.
        digits: Line by line from left to right; empty where the drawing is one digit.
        cut: Where what was read as digits was cut out; empty where the drawing was read whole.
        size: Width and height of the picture.
    """

    reading: Classification
    digits: tuple[Digit, ...] = ()
    cut: tuple[Box, ...] = ()
    size: tuple[int, int] = (0, 0)


def read_number(
    classifier: Classifier, name: str, picture: bytes, deadline: Deadline, *, is_one: bool = False
) -> Number:
    """Read the digits of an encoded picture by model *name*.

    All are rows of one call.  Ways to cut a digit that is wide are asked about in a second one,
    with all else, if the model is not sure that it is one.

    Args:
        classifier: Asks the model.
        name: A classifier of single digits.
        picture: A file in any format that is known.
        deadline: Until when the caller waits.
        is_one: The caller says that it is one digit; nothing is cut then.

    Raises:
        InvalidRequest: There is too much on the page.
        EaselError: As ``Classifier.classify`` does.
    """
    layout: Layout | None = None
    is_first = True

    def to_batch(contract: ImageContract) -> NDArray[Any]:
        nonlocal layout
        with classifier.room.take(picture, deadline):
            drawn = compose(decode_image(picture, classifier.room.limits), contract)
            inked = find_ink(drawn, contract)
            layout = None if is_one else find_digits(inked)
            if layout is None:
                return to_pixels(drawn, contract, inked)[np.newaxis]
            layout = layout.shortened() if is_first else layout
            return _rows(layout, contract)

    asked = classifier.put(name, to_batch, deadline)
    scores = scores_of(asked)
    if layout is not None and not _is_sure(layout, scores):
        is_first = False
        asked = classifier.put(name, to_batch, deadline)
        scores = scores_of(asked)
    model, labels = asked.version.model, asked.version.labels
    if layout is None:
        return Number(Classification(model, rank(scores[0], labels)))
    lines = [
        [Digit(rank(scores[row], labels), box) for row, box in line]
        for line in _chosen(layout, scores)
    ]
    digits = tuple(digit for line in lines for digit in line)
    cut, size = tuple(digit.box for digit in digits), layout.ink.size
    if len(digits) == 1:
        return Number(Classification(model, digits[0].predictions), (), cut, size)
    ranked = tuple(islice(_readings(lines), _READINGS))
    return Number(Classification(model, ranked), digits, cut, size)


def _is_sure(layout: Layout, scores: NDArray[Any]) -> bool:
    """Whether the pieces that may be cut are digits as they are, by their *scores*."""
    return not layout.brief or bool(scores[list(layout.brief)].max(axis=1).min() >= SURE)


def _rows(layout: Layout, contract: ImageContract) -> NDArray[Any]:
    """The batch of what may be digits."""
    if len(layout.pieces) > MAX_PIECES:
        raise InvalidRequest(
            "there is too much on the page to read it as digits; draw fewer, "
            'or say with "several": false that it is one'
        )
    pages = (cut_out(layout, piece, contract).page for piece in layout.pieces)
    return np.stack([to_pixels(page, contract) for page in pages])


def _chosen(layout: Layout, scores: NDArray[Any]) -> Iterator[list[tuple[int, Box]]]:
    """For each line the rows of the pieces that the scores speak for, and their boxes."""
    row = 0
    for line in layout.lines:
        found: list[tuple[int, Box]] = []
        height = line_height(line)
        for stretch in line:
            sureness = scores[row : row + len(stretch)].max(axis=1).tolist()
            found += [
                (row + at, layout.ink.to_pixels(stretch[at].piece.box))
                for at in best_way(stretch, height, sureness)
            ]
            row += len(stretch)
        yield found


def _readings(lines: Sequence[Sequence[Digit]]) -> Iterator[Ranked]:
    """Every way to read the digits together, the likeliest first; lines have a space between.

    The score of a reading is the product of its digits'.
    """
    digits = [digit.predictions for line in lines for digit in line]
    ends = {sum(map(len, lines[: at + 1])) for at in range(len(lines) - 1)}
    first = (0,) * len(digits)

    def score(places: tuple[int, ...]) -> float:
        return math.prod(ranked[at].score for ranked, at in zip(digits, places, strict=True))

    def text(places: tuple[int, ...]) -> str:
        named = [ranked[at].label for ranked, at in zip(digits, places, strict=True)]
        return "".join(f" {label}" if at in ends else label for at, label in enumerate(named))

    waiting, seen = [(-score(first), first)], {first}
    while waiting:
        negative, places = heapq.heappop(waiting)
        yield Ranked(text(places), -negative)
        for at, place in enumerate(places):
            after = (*places[:at], place + 1, *places[at + 1 :])
            if place + 1 < len(digits[at]) and after not in seen:
                seen.add(after)
                heapq.heappush(waiting, (-score(after), after))
