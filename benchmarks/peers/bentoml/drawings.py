"""BentoML with drawings: one worker process a core, a synchronous API for each model."""

from __future__ import annotations

from typing import Any

import bentoml

from benchmarks.peers.recognition import KEY, Recogniser

_WORKERS = 2


@bentoml.service(
    workers=_WORKERS, logging={"access": {"enabled": False}}, metrics={"enabled": False}
)
class Drawings:
    """``{"base64_drawing": ...}`` to labels."""

    def __init__(self) -> None:
        self._numbers = Recogniser("numbers")
        self._classifier = Recogniser("classifier")

    @bentoml.api(route="/api/numbers")
    def numbers(self, base64_drawing: str) -> dict[str, Any]:
        """A digit."""
        return self._numbers.answer({KEY: base64_drawing})

    @bentoml.api(route="/api/classifier")
    def classifier(self, base64_drawing: str) -> dict[str, Any]:
        """A thing."""
        return self._classifier.answer({KEY: base64_drawing})
