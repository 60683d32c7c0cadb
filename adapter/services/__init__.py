"""One module a service; each can run alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from adapter.http.operations import Service
from adapter.parts import Parts
from adapter.services import aivoice, classifier, feedback, fingers, models, numbers, visionapi

SERVICES: Mapping[str, Callable[[Parts], Service]] = {
    "classifier": classifier.build,
    "numbers": numbers.build,
    "fingers": fingers.build,
    "models": models.build,
    "visionapi": visionapi.build,
    "aivoice": aivoice.build,
    "feedback": feedback.build,
}
