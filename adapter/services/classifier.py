"""``/api/classifier``: a doodle in, what it shows out."""

from __future__ import annotations

from adapter.http.operations import Service
from adapter.parts import Parts
from adapter.services.explaining import explain_with, explaining
from adapter.services.recognising import naming

MODEL = "classifier"


def build(parts: Parts) -> Service:
    """The service over *parts*."""
    summary = "Name what a drawing shows"
    explained = explaining(
        "/api/classifier/explain",
        "explain-classifier",
        "Which parts of the drawing mattered",
        lambda asked: explain_with(parts, MODEL, asked),
    )
    return Service("classifier", (naming(parts, MODEL, "/api/classifier", summary), explained))
