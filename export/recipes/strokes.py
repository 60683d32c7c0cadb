"""Digits as a child draws them on a canvas: any pen, any place, any slant.

MNIST's digits all have one pen's thickness and fill one box.  Here each is thinned to
its skeleton, bent, and drawn again with a random pen on a page, so that a model trained
on the result has seen hairlines and finger paint.  numpy and Pillow only.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from model_store.errors import EmptyDrawing

UInt8 = NDArray[np.uint8]
Bool = NDArray[np.bool_]

PAGE_PX = 140
_CHUNK = 4000


def skeletons(images: UInt8, *, scale: int = 2) -> UInt8:
    """Thin ``uint8[N, 28, 28]`` digits to lines one pixel wide, at *scale* times the size.

    Zhang and Suen, "A fast parallel algorithm for thinning digital patterns", CACM 1984.

    Returns:
        ``uint8[N, 28 * scale, 28 * scale]`` of 0 and 255.
    """
    side = 28 * scale
    thinned = np.empty((len(images), side, side), np.uint8)
    for start in range(0, len(images), _CHUNK):
        large = np.stack(
            [
                np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC))
                for image in images[start : start + _CHUNK]
            ]
        )
        thinned[start : start + len(large)] = thin(large > 127) * np.uint8(255)
    return thinned


def thin(ink: Bool) -> Bool:
    """Peel borders off ``bool[N, H, W]`` until only lines are left."""
    padded = np.pad(ink, ((0, 0), (1, 1), (1, 1)))
    changed = True
    while changed:
        changed = False
        for first_pass in (True, False):
            peel = _removable(padded, first_pass=first_pass)
            if peel.any():
                padded[:, 1:-1, 1:-1] &= ~peel
                changed = True
    return padded[:, 1:-1, 1:-1]


def _removable(padded: Bool, *, first_pass: bool) -> Bool:
    north, south = padded[:, :-2, 1:-1], padded[:, 2:, 1:-1]
    east, west = padded[:, 1:-1, 2:], padded[:, 1:-1, :-2]
    ring = (
        north, padded[:, :-2, 2:], east, padded[:, 2:, 2:],
        south, padded[:, 2:, :-2], west, padded[:, :-2, :-2],
    )  # fmt: skip
    neighbours = sum(p.astype(np.int8) for p in ring)
    turns = sum((~a & b).astype(np.int8) for a, b in zip(ring, (*ring[1:], ring[0]), strict=True))
    if first_pass:
        open_side = ~(north & east & south) & ~(east & south & west)
    else:
        open_side = ~(north & east & west) & ~(north & south & west)
    centre = padded[:, 1:-1, 1:-1]
    removable: Bool = centre & (neighbours >= 2) & (neighbours <= 6) & (turns == 1) & open_side
    return removable


def redraw(
    skeleton: UInt8, rng: np.random.Generator, *, pen: tuple[float, float] = (0.02, 0.24)
) -> Image.Image:
    """Draw one skeleton again with a random pen: dark ink on a white page, mode L.

    Args:
        skeleton: Lines one pixel wide, 255 on 0: ``uint8[side, side]``.
        rng: Where chance comes from.
        pen: Its thinnest and its thickest, as shares of the drawing's longer side; evenly
            spread on a log scale.

    Raises:
        EmptyDrawing: Nothing was left of the drawing when it was thinned.
    """
    bent = _bend(Image.fromarray(skeleton), rng)
    box = bent.getbbox()
    if box is None:
        raise EmptyDrawing("nothing is left of the drawing")
    height = max(box[2] - box[0], box[3] - box[1])
    radius = height / 2 * math.exp(rng.uniform(math.log(pen[0]), math.log(pen[1])))
    sigma = max(radius * 0.8, 0.6)
    soft = np.asarray(bent.filter(ImageFilter.GaussianBlur(sigma)), np.float32)
    # A line blurred by sigma and cut at exp(-r^2 / 2 sigma^2) of its peak is 2r wide.
    level = float(np.percentile(soft[soft > 0], 90)) * math.exp(-((radius / sigma) ** 2) / 2)
    edge = max(level * 0.25, 1e-3)
    ink = np.clip((soft - level) / edge + 0.5, 0.0, 1.0) * rng.uniform(0.75, 1.0)
    return Image.fromarray((255.0 - 255.0 * ink).astype(np.uint8))


def _bend(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Rotate, shear, stretch and shift onto a page of ``PAGE_PX``, ink light on black."""
    angle, shear = rng.normal(0.0, 0.17), rng.normal(0.0, 0.15)
    size = rng.uniform(0.55, 1.0) * PAGE_PX / image.width
    across, along = size * rng.uniform(0.8, 1.1), size * rng.uniform(0.9, 1.1)
    cosine, sine = math.cos(angle), math.sin(angle)
    turn = np.array([[cosine, -sine], [sine, cosine]])
    forward = turn @ np.array([[1.0, shear], [0.0, 1.0]]) @ np.diag([across, along])
    back = np.linalg.inv(forward)
    centre = np.array([PAGE_PX / 2, PAGE_PX / 2]) + rng.normal(0.0, 3.0, 2)
    offset = np.array([image.width / 2, image.height / 2]) - back @ centre
    matrix = (*back[0], offset[0], *back[1], offset[1])
    return image.transform(
        (PAGE_PX, PAGE_PX), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR
    )
