"""A drawing is found on its page, scaled to a box and centred by its mass."""

from __future__ import annotations

from functools import reduce

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageOps

from model_store.contract import ImageContract, InkCentring
from model_store.errors import EmptyDrawing
from model_store.images.composing import blank
from model_store.images.fitting import FILTERS


def place_ink(picture: Image.Image, contract: ImageContract, ink: InkCentring) -> Image.Image:
    """Cut to the ink, scale it to the box, centre it by mass on a blank page.

    Light ink on a dark page is turned round first: the page is what its border shows.

    Raises:
        EmptyDrawing: No pixel differs from the page by more than the threshold.
    """
    distance = _distance(picture, contract)
    if _border_median(distance) > 127:
        picture = ImageOps.invert(picture)
        distance = _distance(picture, contract)
    box = distance.point([255 * (value > ink.threshold) for value in range(256)]).getbbox()
    if box is None:
        raise EmptyDrawing("the drawing is empty; draw something and send it again")
    cut = picture.crop(box)
    scale = ink.box_px / max(cut.size)
    small = cut.resize(
        (max(1, round(cut.width * scale)), max(1, round(cut.height * scale))),
        FILTERS[contract.resize],
    )
    height, width = contract.size
    mass_x, mass_y = _centre_of_mass(np.asarray(_distance(small, contract)))
    left = min(max(round(width / 2 - mass_x), 0), width - small.width)
    top = min(max(round(height / 2 - mass_y), 0), height - small.height)
    page = blank(contract, (width, height))
    page.paste(small, (left, top))
    return page


def _distance(picture: Image.Image, contract: ImageContract) -> Image.Image:
    """How far each pixel is from the background, of its channels the farthest: mode L."""
    bands = ImageChops.difference(picture, blank(contract, picture.size)).split()
    return reduce(ImageChops.lighter, bands)


def _border_median(distance: Image.Image) -> float:
    pixels = np.asarray(distance)
    edges = (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1])
    return float(np.median(np.concatenate(edges)))


def _centre_of_mass(weights: NDArray[np.uint8]) -> tuple[float, float]:
    """Where the mean ink is: x and y in pixels from the left and top edges."""
    columns, rows = weights.sum(axis=0, dtype=np.float64), weights.sum(axis=1, dtype=np.float64)
    total = float(columns.sum())
    if total == 0.0:  # ink thinner than the filter can show: the middle is the best guess
        return weights.shape[1] / 2, weights.shape[0] / 2
    x = float(columns @ (np.arange(columns.size) + 0.5)) / total
    y = float(rows @ (np.arange(rows.size) + 0.5)) / total
    return x, y
