"""What the routes that explain an answer have in common: a heat map over the picture."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import msgspec
from msgspec import Meta

from adapter.explain import Explanation, Heat, Question, explain
from adapter.http.operations import Asked, Operation, Takes
from adapter.messages import Say
from adapter.parts import Parts
from adapter.services.recognising import Model, Prediction, Size, to_model

GRID = 8


class ExplainOptions(msgspec.Struct, frozen=True):
    """How fine the map is, and what it explains."""

    grid: Annotated[
        int, Meta(ge=2, le=16, description="rows and columns; each cell costs a run of the model")
    ] = GRID
    label: (
        Annotated[str, Meta(max_length=200, description="which label; the best if left out")] | None
    ) = None


class Area(msgspec.Struct, frozen=True):
    """A rectangle in pixels of the picture; parts of it may be beyond the picture's edges."""

    x: float
    y: float
    width: float
    height: float


class HeatMap(msgspec.Struct, frozen=True):
    """What one label hangs on."""

    label: str
    score: float
    area: Annotated[Area, Meta(description="what the cells divide evenly")]
    drops: Annotated[
        tuple[tuple[float, ...], ...],
        Meta(description="by row and column: what the score loses when the cell is hidden"),
    ]


class Explained(msgspec.Struct, frozen=True):
    """The answer, and for each of its parts a map of what mattered."""

    label: str
    score: float
    predictions: tuple[Prediction, ...]
    maps: tuple[HeatMap, ...]
    picture: Size
    model: Model
    msg: str


def explaining(
    path: str, name: str, summary: str, handle: Callable[[Asked[ExplainOptions]], Explained]
) -> Operation:
    """An operation that explains what another answers."""
    return Operation(
        method="POST",
        path=path,
        name=name,
        summary=summary,
        handle=handle,
        answer=Explained,
        takes=Takes.PICTURE,
        options=ExplainOptions,
        is_kept=False,  # the picture's answer is kept already
    )


def explain_with(parts: Parts, name: str, asked: Asked[ExplainOptions]) -> Explained:
    """Explain what model *name* says of the picture; raises as ``explain`` does."""
    options = asked.options
    question = Question(name, asked.picture, options.grid, options.label)
    found = explain(parts.classifier, question, asked.deadline)
    best = found.heats[0].best
    return to_explained(found, Prediction(best.label, best.score), asked.language)


def to_explained(found: Explanation, best: Prediction, language: str) -> Explained:
    """The body."""
    return Explained(
        label=best.label,
        score=best.score,
        predictions=(best,),
        maps=tuple(_to_map(heat) for heat in found.heats),
        picture=Size(*found.size),
        model=to_model(found.model),
        msg=Say.EXPLAINED.in_language(language),
    )


def _to_map(heat: Heat) -> HeatMap:
    part = heat.part
    sides = (part.left, part.top, part.right - part.left, part.bottom - part.top)
    return HeatMap(
        label=heat.best.label,
        score=heat.best.score,
        area=Area(*(round(side, 2) for side in sides)),
        drops=tuple(tuple(row) for row in (heat.drops.round(4) + 0.0).tolist()),
    )
