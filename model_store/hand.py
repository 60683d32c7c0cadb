"""How many fingers a hand holds up, from the 21 landmarks that the ``fingers`` model finds.

The recipe measures with it and the adapter counts with it; neither a framework nor a server
is known here.  Landmark 0 is the wrist, then come four for each finger from the palm to the
tip, thumb first.  All measures are ratios of distances: they hold for left and right hands,
turned, near and far.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

FINGERS = ("thumb", "index", "middle", "ring", "little")
LANDMARKS = 21

MIN_PRESENCE = 0.5
# On drawn hands, cut and turned in many ways, a folded finger reaches 0.35 of the palm at
# most and a raised one 0.60 at least; on photographs of open hands 0.7.
MIN_REACH = 0.45
# A thumb laid across the palm is at 0.7 at most, a raised one at 1.07 at least.
MIN_THUMB_SPREAD = 0.9

_WRIST, _THUMB_BASE, _THUMB_TIP = 0, 2, 4
_KNUCKLES, _TIPS = (5, 9, 13, 17), (8, 12, 16, 20)
_LITTLE_KNUCKLE = 17
_PALM = ((0, 5), (0, 9), (0, 17), (5, 17))
# The palm and the first joints: they stay where they are when fingers fold.
_CORE = (0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18)
_ROOM = 1.5
_TRIES = 2
_TURNS = (Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_270)

Float = NDArray[np.float32]
UInt8 = NDArray[np.uint8]

See = Callable[[UInt8], tuple[Float, Float]]
"""Runs the model: ``uint8[N, size, size, 3]`` to landmarks ``float32[N, 63]`` (x, y and depth of
each) and presence ``float32[N, 1]``."""


@dataclass(frozen=True, slots=True)
class Hand:
    """What was seen.

    Attributes:
        presence: How sure the model is that there is a hand, 0 to 1.
        raised: Which fingers are up, in the order of ``FINGERS``.
    """

    presence: float
    raised: tuple[bool, ...]

    @property
    def count(self) -> int | None:
        """How many fingers are up, 0 to 5; None where there is no hand."""
        return sum(self.raised) if self.presence >= MIN_PRESENCE else None


def look(picture: Image.Image, see: See, size_px: int) -> Hand:
    """Find the hand in the whole picture, then look closer, as it is and in a mirror.

    The model is at its best where a hand fills its input and points up; what it says of a left
    and of a right hand errs in different places, so that their mean is better than either.
    Six runs of the model in two batches; eight in three, where the first try finds no hand.

    Args:
        picture: Any size, mode RGB.
        see: Runs the model.
        size_px: Side of the model's input.
    """
    side = max(picture.size)
    square = ImageOps.pad(picture, (side, side), color="white")
    turned = [square, *(square.transpose(turn) for turn in _TURNS)]
    landmarks, presence = see(_batch(turned, size_px))
    surest = np.argsort(-presence[:, 0])[:_TRIES]
    found = Hand(0.0, (False,) * len(FINGERS))
    for turn in surest:
        points = _points(landmarks[turn]) * (side / size_px)
        found = max(found, _closer(turned[turn], points, see, size_px), key=lambda h: h.presence)
        if found.presence >= MIN_PRESENCE:
            break
    return found


def _closer(picture: Image.Image, points: Float, see: See, size_px: int) -> Hand:
    """What is seen of the hand at *points* and of its mirror image, on average."""
    near = cut(picture, points, size_px)
    landmarks, presence = see(_batch([near, ImageOps.mirror(near)], size_px))
    measured = np.mean([measure(_points(row)) for row in landmarks], axis=0)
    return Hand(float(presence.mean()), raised(measured))


def page(picture: Image.Image, size_px: int) -> UInt8:
    """The whole picture as the model's input, white beside it: ``uint8[size, size, 3]``."""
    side = max(picture.size)
    pixels: UInt8 = _batch([ImageOps.pad(picture, (side, side), color="white")], size_px)[0]
    return pixels


def measure(points: Float) -> Float:
    """The thumb's spread and the reach of the other four: ``float32[5]`` from ``[21, 2]``.

    A folded finger brings its tip back to its knuckle: its reach, in sizes of the palm, is
    small.  A thumb that is up leads away from the little finger's knuckle, in whichever
    direction it is bent: the spread is how much farther from there its tip is than its base.
    """

    def distance(one: int, other: int) -> float:
        return float(np.linalg.norm(points[one] - points[other]))

    palm = sum(distance(*pair) for pair in _PALM) / len(_PALM)
    base = distance(_THUMB_BASE, _LITTLE_KNUCKLE)
    spread = distance(_THUMB_TIP, _LITTLE_KNUCKLE) / base if base else 0.0
    reach = [
        distance(knuckle, tip) / palm if palm else 0.0
        for knuckle, tip in zip(_KNUCKLES, _TIPS, strict=True)
    ]
    return np.array([spread, *reach], np.float32)


def raised(measured: Float) -> tuple[bool, ...]:
    """Which fingers are up, by what ``measure`` says of them."""
    least = (MIN_THUMB_SPREAD, *[MIN_REACH] * 4)
    return tuple(bool(value >= limit) for value, limit in zip(measured, least, strict=True))


def cut(picture: Image.Image, points: Float, size_px: int) -> Image.Image:
    """The upright square around the hand at *points*, *size_px* wide; white beyond the edges."""
    up = (points[5] + points[13]) / 4 + points[9] / 2 - points[_WRIST]
    length = float(np.linalg.norm(up))
    up = up / length if length else np.array([0.0, -1.0], np.float32)
    right = np.array([-up[1], up[0]], np.float32)
    core = points[list(_CORE)]
    across, along = core @ right, core @ up
    side = max(float(np.ptp(across)), float(np.ptp(along)), 1.0)
    middle = right * (across.min() + across.max()) / 2 + up * (along.min() + along.max()) / 2
    middle = middle + up * 0.1 * side  # the fingers are above, nothing is below the wrist
    x, y = right * _ROOM * side / size_px, -up * _ROOM * side / size_px
    corner = middle - (x + y) * size_px / 2
    matrix = tuple(float(value) for value in (x[0], y[0], corner[0], x[1], y[1], corner[1]))
    return picture.transform(
        (size_px, size_px),
        Image.Transform.AFFINE,
        matrix,
        Image.Resampling.BILINEAR,
        fillcolor="white",
    )


def _batch(pictures: Sequence[Image.Image], size_px: int) -> UInt8:
    size = (size_px, size_px)
    small = [np.asarray(p.resize(size, Image.Resampling.BILINEAR), np.uint8) for p in pictures]
    return np.stack(small)


def _points(landmarks: Float) -> Float:
    """X and y of each landmark: ``float32[21, 2]``."""
    points: Float = np.asarray(landmarks, np.float32).reshape(LANDMARKS, 3)[:, :2]
    return points
