"""One module a service; each can run alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from adapter.http.operations import Service
from adapter.parts import Parts
from adapter.services import aivoice, classifier, feedback, fingers, models, numbers, visionapi
from model_store.errors import InvalidRequest

SERVICES: Mapping[str, Callable[[Parts], Service]] = {
    "classifier": classifier.build,
    "numbers": numbers.build,
    "fingers": fingers.build,
    "models": models.build,
    "visionapi": visionapi.build,
    "aivoice": aivoice.build,
    "feedback": feedback.build,
}


def check_services(names: Iterable[str]) -> None:
    """Raise InvalidRequest for a service that does not exist."""
    if unknown := sorted(set(names) - SERVICES.keys()):
        raise InvalidRequest(f"no service {', '.join(unknown)}; there are {', '.join(SERVICES)}")
