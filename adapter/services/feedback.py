"""``/api/feedback``: people say what the right label is, of an answer or of a picture."""

from __future__ import annotations

import unicodedata
from typing import Annotated

import msgspec
from msgspec import Meta

from adapter.access.rates import Rates
from adapter.catalogue import ImageModel
from adapter.drawing import decode_base64
from adapter.feedback.recorder import Recorder
from adapter.feedback.records import Record, to_time
from adapter.http.operations import Asked, Operation, Service, Takes
from adapter.messages import Say
from adapter.parts import Parts
from adapter.services.recognising import Model, to_model
from model_store.errors import BadVersion, InvalidRequest, RecordNotFound, ServableNotFound
from model_store.preprocess import to_tensor
from model_store.spec import ModelVersion

_OFF = "feedback is not kept here: the request log is off; start the adapter with --feedback_log"


class Correction(msgspec.Struct, frozen=True):
    """The right label, and what it is the label of: an answer, or a picture for a model."""

    label: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=200,
            description="what is right; a class label of the model, or any other words",
        ),
    ]
    request_id: Annotated[
        str, Meta(max_length=128, description="the answer's X-Request-Id, if it was logged")
    ] = ""
    base64_drawing: Annotated[
        str,
        Meta(
            description="or the picture itself, as the services take it, with its model; "
            "used where the log has not the answer"
        ),
    ] = ""
    model: Annotated[
        str, Meta(max_length=128, description="which model the picture is for: model.name")
    ] = ""
    version: (
        Annotated[
            int, Meta(ge=1, le=2**63 - 1, description="which version; the live one if left out")
        ]
        | None
    ) = None


class Noted(msgspec.Struct, frozen=True):
    """What was noted; ``known`` is false where the version has no such class label."""

    request_id: str
    label: str
    known: bool | None
    model: Model | None
    msg: str


def build(parts: Parts) -> Service:
    """The service over *parts*; without a request log it answers 404."""
    limit = Rates(f"{parts.settings.feedback.per_minute}/minute")
    operation = Operation(
        method="POST",
        path="/api/feedback",
        name="correct",
        summary="Say what the right label is, of an answer or of a picture",
        handle=lambda asked: correct(parts, limit, asked),
        answer=Noted,
        takes=Takes.JSON,
        options=Correction,
        scope="feedback",
    )
    return Service("feedback", (operation,), is_shown=parts.recorder is not None)


def correct(parts: Parts, limit: Rates, asked: Asked[Correction]) -> Noted:
    """Note a correction.

    Raises:
        RecordNotFound: The log is off, or does not have that answer.
        InvalidRequest: It is not said what the label belongs to, or it is no text.
        RateLimited: There is more feedback than the log is to take.
        Overloaded: The disk does not follow.
    """
    if parts.recorder is None:
        raise RecordNotFound(_OFF)
    # Of all callers together: what is noted takes the place of what was noted before.
    limit.count("feedback")
    said, label = asked.options, _clean(asked.options.label)
    answered = _find_answer(parts.recorder, said)
    # The log has the picture of an answer that it has.
    picture = b"" if answered is not None else decode_base64(said.base64_drawing)
    model = answered or _of_picture(parts, asked, picture)
    known = _is_known(parts, model, label)
    request_id = asked.request_id if answered is None else said.request_id
    record = Record(
        kind="feedback",
        request_id=request_id,
        time=to_time(parts.recorder.now()),
        service="feedback",
        operation="correct",
        model=model.name,
        version=model.number,
        label=label,
        known=known,
        image=picture,
    )
    parts.recorder.note(record)
    shown = to_model(model) if model.name else None
    return Noted(request_id, label, known, shown, Say.NOTED.in_language(asked.language))


def _clean(label: str) -> str:
    text = unicodedata.normalize("NFC", label).strip()
    if not text or not text.isprintable():
        raise InvalidRequest('"label" must be a line of text')
    return text


def _find_answer(recorder: Recorder, said: Correction) -> ModelVersion | None:
    """The version of the answer that is meant; None where it is about the picture sent along."""
    if not said.request_id and not said.base64_drawing:
        raise InvalidRequest('send "request_id", or "base64_drawing" and "model", with the label')
    found = recorder.find(said.request_id) if said.request_id else None
    if found is None and not said.base64_drawing:
        raise RecordNotFound(
            f"the request log has no answer {said.request_id!r}: it was not sampled, or is too "
            'old; send the picture itself as "base64_drawing", with "model"'
        )
    return found


def _of_picture(parts: Parts, asked: Asked[Correction], picture: bytes) -> ModelVersion:
    """The version whose labels count; the picture is one that it could have been asked about."""
    if not asked.options.model:
        raise InvalidRequest('"model" is missing: say which model the picture is for')
    found = _image_model(parts, asked.options)
    with parts.classifier.room.take(picture, asked.deadline):
        to_tensor(picture, found.contract, parts.classifier.room.limits)
    return found.model


def _image_model(parts: Parts, said: Correction) -> ImageModel:
    if said.version is None:
        return parts.catalogue.live(said.model)
    return parts.catalogue.version(said.model, said.version)


def _is_known(parts: Parts, model: ModelVersion, label: str) -> bool | None:
    """Whether the version has that class label; None if it has none, or is gone."""
    if not model.name:
        return None
    try:
        labels = parts.catalogue.version(model.name, model.number).labels
    except (ServableNotFound, BadVersion):
        return None
    if not labels:
        return None
    # A number of several digits is no label; each of its digits is.
    return label in labels or all(digit in labels for digit in label if not digit.isspace())
