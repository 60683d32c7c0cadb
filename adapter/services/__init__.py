"""One module a service; each can run alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from adapter.http.operations import Service
from adapter.parts import Parts
from adapter.services import classifier, feedback, numbers

SERVICES: Mapping[str, Callable[[Parts], Service]] = {
    "classifier": classifier.build,
    "numbers": numbers.build,
    "feedback": feedback.build,
}
