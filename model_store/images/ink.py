"""A drawing is found on its page, scaled to a box and centred by its mass."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops

from model_store.contract import ImageContract, InkCentring
from model_store.errors import EmptyDrawing
from model_store.images.composing import blank
from model_store.images.fitting import FILTERS

_MIDDLE = 127


@dataclass(frozen=True, slots=True)
class Inked:
    """A composed picture and the ink on it.

    Attributes:
        picture: As it was composed.
        is_dark: Whether the ink is light on a dark page: the page is what its border shows.
        is_ink: Where a pixel differs from the page by more than the threshold: ``bool[height,
            width]``.
        box: Left, top, right and bottom of all ink; None if there is none.
        centring: What the contract says of ink.
    """

    picture: Image.Image
    is_dark: bool
    is_ink: NDArray[np.bool_]
    box: tuple[int, int, int, int] | None
    centring: InkCentring

    def cut(self, box: tuple[int, int, int, int]) -> Image.Image:
        """A part of the picture, turned round where the page is dark."""
        part = self.picture if box == (0, 0, *self.picture.size) else self.picture.crop(box)
        return ImageChops.invert(part) if self.is_dark else part


def find_ink(picture: Image.Image, contract: ImageContract) -> Inked | None:
    """Find the ink of a composed picture; None for a contract that does not ask for ink."""
    if contract.ink is None:
        return None
    distance = _distance(picture, contract)
    if is_dark := _is_dark(distance):
        distance = _distance(picture, contract, is_dark=True)
    is_ink = distance > contract.ink.threshold
    return Inked(picture, is_dark, is_ink, _bounds(is_ink), contract.ink)


def place_ink(inked: Inked, contract: ImageContract) -> Image.Image:
    """Cut to the ink, scale it to the box, centre it by mass on a blank page.

    Raises:
        EmptyDrawing: There is none.
    """
    small, _, at = find_place(inked, contract)
    page = blank(contract, (contract.size[1], contract.size[0]))
    page.paste(small, at)
    return page


def find_place(
    inked: Inked, contract: ImageContract
) -> tuple[Image.Image, tuple[int, int, int, int], tuple[int, int]]:
    """The scaled ink, which box of the picture it is, and where it belongs on the new page.

    Raises:
        EmptyDrawing: As in ``place_ink``.
    """
    box = inked.box
    if box is None:
        raise EmptyDrawing("the drawing is empty; draw something and send it again")
    cut = inked.cut(box)
    scale = inked.centring.box_px / max(cut.size)
    small = cut.resize(
        (max(1, round(cut.width * scale)), max(1, round(cut.height * scale))),
        FILTERS[contract.resize],
    )
    height, width = contract.size
    mass_x, mass_y = _centre_of_mass(_distance(small, contract))
    left = min(max(round(width / 2 - mass_x), 0), width - small.width)
    top = min(max(round(height / 2 - mass_y), 0), height - small.height)
    return small, box, (left, top)


def _distance(
    picture: Image.Image, contract: ImageContract, *, is_dark: bool = False
) -> NDArray[np.uint8]:
    """How far each pixel is from the page, of its channels the farthest: ``uint8[height, width]``.

    Of a dark page, how far what is turned round is.
    """
    page = [255 - value if is_dark else value for value in contract.background]
    if len(page) == 1:
        values = np.asarray(picture, np.uint8)
        return (
            ~values
            if page[0] == 255
            else np.where(values < page[0], page[0] - values, values - page[0])
        )
    # One channel after the other: together they take four times the memory.
    bands = (
        ImageChops.difference(picture.getchannel(index), Image.new("L", picture.size, value))
        for index, value in enumerate(page)
    )
    return np.asarray(reduce(ImageChops.lighter, bands))


def _is_dark(distance: NDArray[np.uint8]) -> bool:
    """Whether the border is nearer to ink than to the page, by its median."""
    edges = np.concatenate((distance[0], distance[-1], distance[:, 0], distance[:, -1]))
    # Most drawings keep off the border, and a median costs more than a maximum.
    return bool(edges.max() > _MIDDLE and np.median(edges) > _MIDDLE)


def _bounds(is_ink: NDArray[np.bool_]) -> tuple[int, int, int, int] | None:
    """Left, top, right and bottom of all ink; None if there is none."""
    rows = np.flatnonzero(is_ink.any(axis=1))
    if not rows.size:
        return None
    columns = np.flatnonzero(is_ink[rows[0] : rows[-1] + 1].any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _centre_of_mass(weights: NDArray[np.uint8]) -> tuple[float, float]:
    """Where the mean ink is: x and y in pixels from the left and top edges."""
    # Whole numbers: exact in any order, and twice as fast.
    columns, rows = weights.sum(axis=0, dtype=np.uint32), weights.sum(axis=1, dtype=np.uint32)
    total = float(columns.sum())
    if total == 0.0:  # ink thinner than the filter can show: the middle is the best guess
        return weights.shape[1] / 2, weights.shape[0] / 2
    x = float(columns @ (np.arange(columns.size) + 0.5)) / total
    y = float(rows @ (np.arange(rows.size) + 0.5)) / total
    return x, y
