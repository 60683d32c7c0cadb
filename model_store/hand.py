"""How many fingers a hand holds up, from the 21 landmarks that the ``fingers`` model finds.

The recipe measures with it and the adapter counts with it; neither a framework nor a server
is known here.  Landmark 0 is the wrist, then come four for each finger from the palm to the
tip, thumb first.  All measures are ratios of distances: they hold for left and right hands,
turned, near and far.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

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


@dataclass(frozen=True, slots=True)
class Seen:
    """What the model says of N pictures.

    Attributes:
        landmarks: X, y and depth of each, in pixels of its input: ``float32[N, 63]``.
        presence: How sure it is of a hand, 0 to 1: ``float32[N, 1]``.
        handedness: How sure it is that the hand is a right one, 0 to 1, unless the picture is
            that of a mirror: ``float32[N, 1]``.
    """

    landmarks: Float
    presence: Float
    handedness: Float


See = Callable[[UInt8], Seen]
"""Runs the model on ``uint8[N, size, size, 3]``."""


@dataclass(frozen=True, slots=True)
class Hand:
    """What was seen.

    Attributes:
        presence: How sure the model is that there is a hand, 0 to 1.
        raised: Which fingers are up, in the order of ``FINGERS``.
        points: X, y and depth of the landmarks in the picture's pixels: ``float32[21, 3]``.  Some
            may be beyond its edges.
        is_right: How sure the model is that this is a right hand, 0 to 1; often it is not.
    """

    presence: float
    raised: tuple[bool, ...]
    points: Float
    is_right: float = 0.5

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
    seen = see(_batch(turned, size_px))
    surest = np.argsort(-seen.presence[:, 0])[:_TRIES]
    found = Hand(0.0, (False,) * len(FINGERS), np.zeros((LANDMARKS, 3), np.float32))
    for turn in surest:
        points = _points(seen.landmarks[turn])[:, :2] * (side / size_px)
        closer = _closer(turned[turn], points, see, size_px)
        if closer.presence > found.presence:
            upright = _turned_back(closer.points, int(turn), side)
            found = replace(closer, points=upright - _padding(picture, side))
        if found.presence >= MIN_PRESENCE:
            break
    return found


def _closer(picture: Image.Image, points: Float, see: See, size_px: int) -> Hand:
    """What is seen of the hand at *points* and of its mirror image, on average."""
    frame = _frame(points)
    near = _cut(picture, frame, size_px)
    seen = see(_batch([near, ImageOps.mirror(near)], size_px))
    straight, mirrored = map(_points, seen.landmarks)
    measured = np.mean([measure(straight[:, :2]), measure(mirrored[:, :2])], axis=0)
    back = mirrored * (-1, 1, 1) + (size_px, 0, 0)
    here = ((straight + back) / 2 / size_px).astype(np.float32)
    is_right = float(seen.handedness[0, 0] + 1 - seen.handedness[1, 0]) / 2
    return Hand(float(seen.presence.mean()), raised(measured), frame.to_picture(here), is_right)


def _turned_back(points: Float, turn: int, side: int) -> Float:
    """Points of a square that was turned by 90 degrees *turn* times, in the square as it was."""
    x, y, depth = points.T
    ways = ((x, y), (side - y, x), (side - x, side - y), (y, side - x))
    return np.stack([*ways[turn], depth], axis=1).astype(np.float32)


def _padding(picture: Image.Image, side: int) -> Float:
    """How far the picture is from the left and top of its square."""
    return np.array([(side - picture.width) // 2, (side - picture.height) // 2, 0], np.float32)


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
    return _cut(picture, _frame(points), size_px)


@dataclass(frozen=True, slots=True)
class _Frame:
    """A square in a picture: its upper left corner, and its two sides from there."""

    corner: Float
    across: Float
    down: Float

    def to_picture(self, points: Float) -> Float:
        """Points of the square, whose side is 1, with their depth: ``float32[N, 3]``."""
        flat = points[:, :1] * self.across + points[:, 1:2] * self.down + self.corner
        depth = points[:, 2:] * np.linalg.norm(self.across)
        return np.concatenate([flat, depth], axis=1).astype(np.float32)


def _frame(points: Float) -> _Frame:
    """The upright square around the hand at *points*."""
    up = (points[5] + points[13]) / 4 + points[9] / 2 - points[_WRIST]
    length = float(np.linalg.norm(up))
    up = up / length if length else np.array([0.0, -1.0], np.float32)
    right = np.array([-up[1], up[0]], np.float32)
    core = points[list(_CORE)]
    across, along = core @ right, core @ up
    side = max(float(np.ptp(across)), float(np.ptp(along)), 1.0)
    middle = right * (across.min() + across.max()) / 2 + up * (along.min() + along.max()) / 2
    middle = middle + up * 0.1 * side  # the fingers are above, nothing is below the wrist
    x, y = (np.asarray(way * _ROOM * side, np.float32) for way in (right, -up))
    return _Frame(middle - (x + y) / 2, x, y)


def _cut(picture: Image.Image, frame: _Frame, size_px: int) -> Image.Image:
    x, y, corner = frame.across / size_px, frame.down / size_px, frame.corner
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
    """X, y and depth of each landmark: ``float32[21, 3]``."""
    points: Float = np.asarray(landmarks, np.float32).reshape(LANDMARKS, 3)
    return points
