"""``/api/visionapi``: a picture in, tags out, from the web and from our own model."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import msgspec

from adapter.http.operations import Asked, Operation, Service, Takes
from adapter.messages import Say
from adapter.parts import Parts
from adapter.services.recognising import Model, Prediction, TopK, to_model
from adapter.tagging import Tagged, Tagger
from adapter.tags import Tag
from adapter.web_detection import WebFindings

# Pictures of a process that Google looks at, at a time.
_AT_ONCE = 16
# What the first version answered where it knew nothing.
_NOTHING = "null"


class TagPrediction(msgspec.Struct, frozen=True):
    """One tag; ``sources`` are ``vision`` (the web), ``tagging`` (our own model) or both."""

    label: str
    score: float
    sources: tuple[str, ...]


class PageFound(msgspec.Struct, frozen=True):
    """A page that shows the picture."""

    url: str
    title: str


class Tags(msgspec.Struct, frozen=True):
    """The best tag first, then the ranking of both sources, then what the web knows.

    ``entities`` have the web's own scores, which compare within one picture only.  Who could
    not be asked is in ``degraded``: ``vision``, ``tagging``; the rest is without them.
    """

    label: str
    score: float
    predictions: tuple[TagPrediction, ...]
    best_guess: str | None
    entities: tuple[Prediction, ...]
    pages: tuple[PageFound, ...]
    similar: tuple[str, ...]
    model: Model | None
    degraded: tuple[str, ...]
    msg: str


def build(parts: Parts) -> Service:
    """The service over *parts*."""
    # Threads start with the first picture, and so after a fork.
    threads = ThreadPoolExecutor(_AT_ONCE, "vision")
    tagger = Tagger(parts.classifier, parts.vision, threads, parts.turns.resting)

    def tag(asked: Asked[TopK]) -> Tags:
        return to_answer(
            tagger.tag(asked.picture, asked.deadline), asked.options.top_k, asked.language
        )

    operation = Operation(
        method="POST",
        path="/api/visionapi",
        name="tag-picture",
        summary="Tags of a picture, from the web and from a model",
        handle=tag,
        answer=Tags,
        takes=Takes.PICTURE,
        options=TopK,
        example=_EXAMPLE,
    )
    return Service("visionapi", (operation,))


def to_answer(tagged: Tagged, top_k: int, language: str) -> Tags:
    """The body for a tagged picture."""
    found = tagged.findings or WebFindings()
    best = tagged.tags[0] if tagged.tags else Tag(_NOTHING, 0.0, ())
    model = tagged.classification.model if tagged.classification else None
    return Tags(
        label=best.label,
        score=best.score,
        predictions=tuple(
            TagPrediction(tag.label, tag.score, tag.sources) for tag in tagged.tags[:top_k]
        ),
        best_guess=found.guesses[0] if found.guesses else None,
        entities=tuple(Prediction(entity.label, entity.score) for entity in found.entities),
        pages=tuple(PageFound(page.url, page.title) for page in found.pages),
        similar=found.similar,
        model=None if model is None else to_model(model),
        degraded=tagged.degraded,
        msg=_sentence(tagged).in_language(language),
    )


def _sentence(tagged: Tagged) -> Say:
    if not tagged.tags:
        return Say.NO_TAGS
    return Say.TAGGED_IN_PART if tagged.degraded else Say.TAGGED


_EXAMPLE = Tags(
    label="koala",
    score=0.9321122169494629,
    predictions=(
        TagPrediction("koala", 0.9321122169494629, ("tagging",)),
        TagPrediction("indri", 0.0043705240823328495, ("tagging",)),
    ),
    best_guess=None,
    entities=(),
    pages=(),
    similar=(),
    model=Model("tagging", 1),
    degraded=("vision",),
    msg=Say.TAGGED_IN_PART.in_language("en"),
)
