"""``/api/classifier``: a doodle in, what it shows out."""

from __future__ import annotations

from adapter.http.operations import Service
from adapter.parts import Parts
from adapter.services.recognising import naming


def build(parts: Parts) -> Service:
    """The service over *parts*."""
    summary = "Name what a drawing shows"
    return Service("classifier", (naming(parts, "classifier", "/api/classifier", summary),))
