"""``/api/fingers``: a hand in, how many fingers it holds up and where they are out."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from adapter.fingers import Fingers, count_fingers
from adapter.http.operations import Asked, NoOptions, Operation, Service, Takes
from adapter.messages import Say
from adapter.parts import Parts
from adapter.services.recognising import Model, Prediction, Size, to_model
from model_store.hand import FINGERS

MODEL = "fingers"


class Landmark(msgspec.Struct, frozen=True):
    """A point of the hand in the pixels of the picture as it is seen upright.

    It may lie beyond the picture's edge.  ``z`` is its depth against the wrist's, in pixels
    too, less where it is nearer.
    """

    x: float
    y: float
    z: float


class CountedFingers(msgspec.Struct, frozen=True):
    """The number of fingers.  Where there is no hand ``label`` is "null" and ``count`` null."""

    label: Annotated[str, Meta(description='the number as a word: "3"; "null" for no hand')]
    score: Annotated[float, Meta(description="how sure it is that there is a hand")]
    predictions: tuple[Prediction, ...]
    count: Annotated[int, Meta(ge=0, le=5)] | None
    raised: Annotated[
        tuple[str, ...], Meta(description="thumb, index, middle, ring, little: those that are up")
    ]
    hand: Annotated[
        Prediction | None, Meta(description="left or right, a guess; the picture is no mirror's")
    ]
    landmarks: Annotated[
        tuple[Landmark, ...],
        Meta(description="wrist, then four for each finger to its tip, thumb first: 21, or none"),
    ]
    picture: Size
    model: Model
    msg: str


def build(parts: Parts) -> Service:
    """The service over *parts*."""
    operation = Operation(
        method="POST",
        path="/api/fingers",
        name="count-fingers",
        summary="Count the fingers that a hand holds up, in a photograph or a drawing",
        handle=lambda asked: count(parts, asked),
        answer=CountedFingers,
        takes=Takes.PICTURE,
    )
    return Service("fingers", (operation,))


def count(parts: Parts, asked: Asked[NoOptions]) -> CountedFingers:
    """Count in the picture that was asked about; raises as ``count_fingers`` does."""
    found = count_fingers(parts.classifier, MODEL, asked.picture, asked.deadline)
    return to_answer(found, asked.language)


def to_answer(found: Fingers, language: str) -> CountedFingers:
    """The body; a picture without a hand is an answer too, and no failure."""
    hand = found.hand
    is_there = hand.count is not None
    label = str(hand.count) if is_there else "null"
    side = Prediction(
        "right" if hand.is_right >= 0.5 else "left", max(hand.is_right, 1 - hand.is_right)
    )
    say = Say.COUNTED if is_there else Say.NO_HAND
    return CountedFingers(
        label=label,
        score=hand.presence,
        predictions=(Prediction(label, hand.presence),) if is_there else (),
        count=hand.count,
        raised=tuple(
            name for name, up in zip(FINGERS, hand.raised, strict=True) if up and is_there
        ),
        hand=side if is_there else None,
        landmarks=tuple(_landmark(point) for point in hand.points.tolist()) if is_there else (),
        picture=Size(*found.size),
        model=to_model(found.model),
        msg=say.in_language(language),
    )


def _landmark(point: list[float]) -> Landmark:
    x, y, z = (round(value, 2) for value in point)
    return Landmark(x, y, z)
