"""``/api/numbers``: a handwritten digit in, its name and ten scores out."""

from __future__ import annotations

from dataclasses import replace

from adapter.http.operations import Service
from adapter.messages import Say
from adapter.parts import Parts
from adapter.services.recognising import Model, Prediction, Recognised, naming

_EXAMPLE = Recognised(
    label="3",
    score=1.0,
    predictions=(Prediction("3", 1.0), Prediction("9", 2.3e-10)),
    model=Model("numbers", 1),
    msg=Say.RECOGNISED.in_language("en"),
)


def build(parts: Parts) -> Service:
    """The service over *parts*."""
    operation = naming(parts, "numbers", "/api/numbers", "Read a handwritten digit")
    return Service("numbers", (replace(operation, example=_EXAMPLE),))
