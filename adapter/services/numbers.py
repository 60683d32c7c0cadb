"""``/api/numbers``: a handwritten digit in, its name and ten scores out."""

from __future__ import annotations

from adapter.http.operations import Service
from adapter.parts import Parts
from adapter.services.recognising import naming


def build(parts: Parts) -> Service:
    """The service over *parts*."""
    summary = "Read a handwritten digit"
    return Service("numbers", (naming(parts, "numbers", "/api/numbers", summary),))
