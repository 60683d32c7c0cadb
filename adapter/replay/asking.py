"""Asks one version what it says to a logged picture, by the service that was asked then.

The service's own code reads, cuts and ranks, so that what is compared is what a caller of
the new version would get.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from adapter.config import GoogleConfig, Settings
from adapter.deadline import Deadline
from adapter.feedback.records import Record
from adapter.http.operations import Asked, Operation, Reply, Takes
from adapter.parts import Parts
from adapter.ports import ModelServer
from adapter.replay.cases import Answer
from adapter.replay.pinned import PinnedCatalogue, PinnedServer
from adapter.services import SERVICES
from adapter.wiring import build_parts
from model_store.errors import EaselError, Unsupported
from model_store.spec import ModelVersion

_WHICH = ("version", "version_label")
# The service that asks any model, by the name in its address.
_ANY_MODEL = "models"
# What is answered in the place of a label by a model that gives none.
_NO_LABEL = "null"


class Asker:
    """One version, behind every service; many threads may ask at once."""

    def __init__(self, settings: Settings, server: ModelServer, version: ModelVersion) -> None:
        """Nothing is asked yet."""
        catalogue = PinnedCatalogue(settings.adapter.store, version)
        # The model alone is asked: nothing of a log goes to others, nor into a log.
        alone = Settings(settings.adapter, google=GoogleConfig("off", "off"))
        parts = build_parts(alone, PinnedServer(server, version), catalogue)
        self._version = version
        self._operations = dict(_operations(parts))

    def ask(self, record: Record, timeout_s: float) -> Answer:
        """What the version says to the record's picture.

        Raises:
            EaselError: It has no answer to that; see ``Classifier.classify``.
        """
        operation, path = self._operation(record)
        # Which version is asked is not the log's to say.
        wanted = {key: value for key, value in record.options.items() if key not in _WHICH}
        try:
            options = msgspec.convert(wanted, operation.options, strict=False)
        except msgspec.ValidationError:  # of another time, when there were other options
            options = operation.options()
        deadline = Deadline.after(timeout_s)
        asked = Asked(options, path, record.image, "en", deadline, record.request_id)
        answer = operation.handle(asked)
        if isinstance(answer, Reply):
            raise Unsupported(f"{operation.name} does not answer in JSON")
        return self._answer(msgspec.to_builtins(answer))

    def _operation(self, record: Record) -> tuple[Operation, Mapping[str, str]]:
        """As the request named it; for a picture that came with feedback, the model's own."""
        named: tuple[tuple[str, str | None, Mapping[str, str]], ...] = (
            (record.service, record.operation, record.path),
            (record.model, None, {}),
            (_ANY_MODEL, None, {"name": record.model}),
        )
        for service, name, path in named:
            found = self._operations.get((service, name))
            if found is not None:
                return found, path
        raise Unsupported(f"no service here answers {record.service or record.model}")

    def _answer(self, body: dict[str, Any]) -> Answer:
        label, score, model = body.get("label"), body.get("score"), body.get("model")
        if not isinstance(label, str) or (label == _NO_LABEL and score is None):
            raise EaselError("the answer has no label")
        # A service of several sources may answer without the model.
        if model != {"name": self._version.name, "version": self._version.number}:
            raise EaselError(f"{self._version} did not answer")
        return Answer(
            label, float(score) if isinstance(score, int | float) else None, self._version.number
        )


def _operations(parts: Parts) -> Iterator[tuple[tuple[str, str | None], Operation]]:
    """What takes pictures, by service and name; a service's first also without a name."""
    for build in SERVICES.values():
        service = build(parts)
        taking = [one for one in service.operations if one.takes is Takes.PICTURE]
        for operation in taking:
            yield (service.name, operation.name), operation
        for operation in taking[:1]:
            yield (service.name, None), operation
