"""A drawing is found on its page, scaled to a box and centred by its mass."""

from __future__ import annotations

from functools import reduce

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops

from model_store.contract import ImageContract, InkCentring
from model_store.errors import EmptyDrawing
from model_store.images.composing import blank
from model_store.images.fitting import FILTERS

_MIDDLE = 127


def place_ink(picture: Image.Image, contract: ImageContract, ink: InkCentring) -> Image.Image:
    """Cut to the ink, scale it to the box, centre it by mass on a blank page.

    Light ink on a dark page is turned round first: the page is what its border shows.

    Raises:
        EmptyDrawing: No pixel differs from the page by more than the threshold.
    """
    small, _, at = find_place(picture, contract, ink)
    page = blank(contract, (contract.size[1], contract.size[0]))
    page.paste(small, at)
    return page


def find_place(
    picture: Image.Image, contract: ImageContract, ink: InkCentring
) -> tuple[Image.Image, tuple[int, int, int, int], tuple[int, int]]:
    """The scaled ink, which box of the picture it is, and where it belongs on the new page.

    Raises:
        EmptyDrawing: As in ``place_ink``.
    """
    is_dark, is_ink = _on_page(picture, contract, ink)
    box = bounds(is_ink)
    if box is None:
        raise EmptyDrawing("the drawing is empty; draw something and send it again")
    cut = picture if box == (0, 0, *picture.size) else picture.crop(box)
    cut = ImageChops.invert(cut) if is_dark else cut
    scale = ink.box_px / max(cut.size)
    small = cut.resize(
        (max(1, round(cut.width * scale)), max(1, round(cut.height * scale))),
        FILTERS[contract.resize],
    )
    height, width = contract.size
    mass_x, mass_y = _centre_of_mass(np.asarray(_distance(small, contract)))
    left = min(max(round(width / 2 - mass_x), 0), width - small.width)
    top = min(max(round(height / 2 - mass_y), 0), height - small.height)
    return small, box, (left, top)


def find_ink(
    picture: Image.Image, contract: ImageContract, ink: InkCentring
) -> tuple[Image.Image, NDArray[np.bool_]]:
    """The picture on its page, turned round where that is dark, and ``bool[height, width]``."""
    is_dark, is_ink = _on_page(picture, contract, ink)
    return ImageChops.invert(picture) if is_dark else picture, is_ink


def _on_page(
    picture: Image.Image, contract: ImageContract, ink: InkCentring
) -> tuple[bool, NDArray[np.bool_]]:
    """Whether the page is dark, and where there is ink on it: ``bool[height, width]``."""
    distance = np.asarray(_distance(picture, contract))
    if is_dark := _is_dark(distance):
        distance = np.asarray(_distance(picture, contract, is_dark=True))
    return is_dark, distance > ink.threshold


def _distance(
    picture: Image.Image, contract: ImageContract, *, is_dark: bool = False
) -> Image.Image:
    """How far each pixel is from the background, of its channels the farthest: mode L.

    Of a dark page, how far what is turned round is.
    """
    # One channel after the other: together they take four times the memory.
    bands = (
        ImageChops.difference(
            picture.getchannel(index),
            Image.new("L", picture.size, 255 - value if is_dark else value),
        )
        for index, value in enumerate(contract.background)
    )
    return reduce(ImageChops.lighter, bands)


def _is_dark(distance: NDArray[np.uint8]) -> bool:
    """Whether the border is nearer to ink than to the page, by its median."""
    edges = np.concatenate((distance[0], distance[-1], distance[:, 0], distance[:, -1]))
    # Most drawings keep off the border, and a median costs more than a maximum.
    return bool(edges.max() > _MIDDLE and np.median(edges) > _MIDDLE)


def bounds(is_ink: NDArray[np.bool_]) -> tuple[int, int, int, int] | None:
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
