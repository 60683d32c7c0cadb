"""What the services that name a picture have in common."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Annotated

import msgspec
from msgspec import Meta

from adapter.classify import Classification, Ranked
from adapter.http.operations import Asked, Operation, Takes
from adapter.ink import Box
from adapter.messages import Say
from adapter.parts import Parts
from model_store.spec import ModelVersion


class TopK(msgspec.Struct, frozen=True):
    """Options of a service that ranks labels."""

    top_k: Annotated[
        int, Meta(ge=1, le=1000, description="how many predictions to answer, best first")
    ] = 10


class Prediction(msgspec.Struct, frozen=True):
    """One class label and its score."""

    label: str
    score: float


class Model(msgspec.Struct, frozen=True):
    """Which version answered."""

    name: str
    version: int


class Size(msgspec.Struct, frozen=True):
    """Of the picture as it is seen upright, in pixels: what places in it are measured by."""

    width: int
    height: int


class Place(msgspec.Struct, frozen=True):
    """A rectangle in the pixels of the picture as it is seen upright."""

    x: int
    y: int
    width: int
    height: int


class Recognised(msgspec.Struct, frozen=True):
    """The best label first, then the ranking, and the version that made it."""

    label: str
    score: float
    predictions: tuple[Prediction, ...]
    model: Model
    msg: str


def recognise(parts: Parts, model: str, asked: Asked[TopK]) -> Recognised:
    """Name the picture that was asked about; raises as ``Classifier.classify`` does."""
    found = parts.classifier.classify(model, asked.picture, asked.deadline)
    return to_answer(found, asked.options.top_k, asked.language)


def to_answer(found: Classification, top_k: int, language: str) -> Recognised:
    """The body of a named picture."""
    ranked = ranking(found.predictions, top_k)
    return Recognised(
        label=ranked[0].label,
        score=ranked[0].score,
        predictions=ranked,
        model=to_model(found.model),
        msg=Say.RECOGNISED.in_language(language),
    )


def naming(parts: Parts, model: str, path: str, summary: str) -> Operation:
    """The operation that names pictures with one model of the store."""
    return Operation(
        method="POST",
        path=path,
        name=f"recognise-{model}",
        summary=summary,
        handle=lambda asked: recognise(parts, model, asked),
        answer=Recognised,
        takes=Takes.PICTURE,
        options=TopK,
    )


def to_model(version: ModelVersion) -> Model:
    """A version as it is answered."""
    return Model(version.name, version.number)


def ranking(predictions: Iterable[Ranked], top_k: int) -> tuple[Prediction, ...]:
    """The best *top_k* of them."""
    return tuple(Prediction(one.label, one.score) for one in islice(predictions, top_k))


def to_place(box: Box) -> Place:
    """A box as it is answered."""
    return Place(box.left, box.top, box.width, box.height)
