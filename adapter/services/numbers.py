"""``/api/numbers``: handwritten digits in, the number out."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from adapter.explain import Question
from adapter.explain_number import explain_number
from adapter.http.operations import Asked, Operation, Service, Takes
from adapter.messages import Say
from adapter.number import Digit, read_number
from adapter.parts import Parts
from adapter.services.explaining import Explained, ExplainOptions, explaining, to_explained
from adapter.services.recognising import (
    Model,
    Place,
    Prediction,
    Recognised,
    Size,
    TopK,
    ranking,
    to_answer,
    to_place,
)

MODEL = "numbers"


class NumberOptions(TopK, frozen=True):
    """Options of ``/api/numbers``."""

    several: Annotated[
        bool, Meta(description="whether there may be several digits; false reads all ink as one")
    ] = True


class OneDigit(msgspec.Struct, frozen=True):
    """One of several digits, and where it is."""

    label: str
    score: float
    predictions: tuple[Prediction, ...]
    box: Place


class ReadNumber(Recognised, frozen=True):
    """The number, and where there are several digits each of them.

    They stand line by line from left to right; ``label`` has a space between lines.
    ``score`` is the product of the digits' scores, ``predictions`` other readings.
    """

    digits: tuple[OneDigit, ...] | UnsetType = UNSET
    picture: Size | UnsetType = UNSET


_EXAMPLE = ReadNumber(
    label="3",
    score=1.0,
    predictions=(Prediction("3", 1.0), Prediction("9", 2.3e-10)),
    model=Model("numbers", 1),
    msg=Say.RECOGNISED.in_language("en"),
)


def build(parts: Parts) -> Service:
    """The service over *parts*."""
    operation = Operation(
        method="POST",
        path="/api/numbers",
        name="recognise-numbers",
        summary="Read handwritten digits, one or several",
        handle=lambda asked: read(parts, asked),
        answer=ReadNumber,
        takes=Takes.PICTURE,
        options=NumberOptions,
        example=_EXAMPLE,
    )
    explained = explaining(
        "/api/numbers/explain",
        "explain-numbers",
        "Which parts of the drawing mattered, for each digit",
        lambda asked: explain_digits(parts, asked),
    )
    return Service("numbers", (operation, explained))


def explain_digits(parts: Parts, asked: Asked[ExplainOptions]) -> Explained:
    """Explain each digit of the picture; raises as ``explain_number`` does."""
    options = asked.options
    question = Question(MODEL, asked.picture, options.grid, options.label)
    best, found = explain_number(parts.classifier, question, asked.deadline)
    return to_explained(found, Prediction(best.label, best.score), asked.language)


def read(parts: Parts, asked: Asked[NumberOptions]) -> ReadNumber:
    """Read the picture that was asked about; raises as ``read_number`` does."""
    options = asked.options
    number = read_number(
        parts.classifier, MODEL, asked.picture, asked.deadline, is_one=not options.several
    )
    answer = to_answer(number.reading, options.top_k, asked.language)
    if not number.digits:
        return ReadNumber(**msgspec.structs.asdict(answer))
    digits = tuple(_one(digit, options.top_k) for digit in number.digits)
    return ReadNumber(**msgspec.structs.asdict(answer), digits=digits, picture=Size(*number.size))


def _one(digit: Digit, top_k: int) -> OneDigit:
    best = digit.predictions[0]
    return OneDigit(best.label, best.score, ranking(digit.predictions, top_k), to_place(digit.box))
