"""What the web knows of a picture and what our own model sees in it, as one ranking.

How it is ranked, so that people can foresee it:

1. The web's entities are set against the strongest one if that is above 1: their scores have
   no scale of their own.  The web's best guess has no score and counts as the strongest entity.
2. Our model's scores are probabilities and stay as they are.
3. Names that differ in case, spaces, hyphens or underscores are one tag.  A tag that both know,
   with scores a and b, has 1 - (1 - a)(1 - b): more than either, never more than 1.
4. The highest score comes first; of equal ones the best guess, the web's, our model's.

Knows no HTTP and no service.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from adapter.classify import Ranked
from adapter.web_detection import WebFindings

WEB = "vision"
MODEL = "tagging"


@dataclass(frozen=True, slots=True)
class Tag:
    """One name for what a picture shows.

    Attributes:
        label: As the first of its sources writes it.
        score: In [0, 1].
        sources: Who says so: ``vision``, ``tagging`` or both.
    """

    label: str
    score: float
    sources: tuple[str, ...]


def merge_tags(findings: WebFindings | None, ranked: Iterable[Ranked]) -> tuple[Tag, ...]:
    """The tags of both sources, best first; either may know nothing."""
    labels: dict[str, str] = {}
    scores: dict[str, dict[str, float]] = {}
    for source, label, score in (*_web_tags(findings), *_model_tags(ranked)):
        key = folded(label)
        labels.setdefault(key, label)
        known = scores.setdefault(key, {})
        known[source] = max(known.get(source, 0.0), score)
    tags = [
        Tag(labels[key], _together(known.values()), tuple(known)) for key, known in scores.items()
    ]
    # Sorting is stable: equal scores stay in the order of their sources.
    return tuple(sorted(tags, key=lambda tag: -tag.score))


def _web_tags(findings: WebFindings | None) -> Iterator[tuple[str, str, float]]:
    if findings is None:
        return
    strongest = max((entity.score for entity in findings.entities), default=1.0)
    scale = max(strongest, 1.0)
    for guess in findings.guesses:
        yield WEB, guess, strongest / scale
    for entity in findings.entities:
        yield WEB, entity.label, entity.score / scale


def _model_tags(ranked: Iterable[Ranked]) -> Iterator[tuple[str, str, float]]:
    for one in ranked:
        yield MODEL, one.label, min(max(one.score, 0.0), 1.0)


def _together(scores: Iterable[float]) -> float:
    """That at least one is right, were they right independently."""
    return 1.0 - math.prod(1.0 - score for score in scores)


def folded(label: str) -> str:
    """*label* without what people write differently: ``Granny_Smith`` is ``granny smith``."""
    spaced = unicodedata.normalize("NFKC", label).replace("_", " ").replace("-", " ")
    return " ".join(spaced.casefold().split())
