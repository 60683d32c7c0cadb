"""``/api/models``: any image model of the store, with no code.

Whatever is published with an input contract is listed, described and asked here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from adapter.asking import Asked as Answered
from adapter.classify import is_classifier, rank, scores_of
from adapter.http.operations import Asked, Operation, Service, Takes
from adapter.messages import Say
from adapter.parts import Parts
from adapter.services.explaining import explain_with, explaining
from adapter.services.listing import Described, ListedModels, describe, listed
from adapter.services.recognising import Model, Prediction, TopK, ranking, to_model
from model_store.errors import InvalidRequest, ServableNotFound, Unsupported

# More belongs into a protocol for tensors: the model server's own.
_MOST_NUMBERS = 200_000


class ModelOptions(TopK, frozen=True):
    """Options of a question to a model: how much to answer, and which version to ask."""

    version: (
        Annotated[int, Meta(ge=1, le=2**63 - 1, description="ask this version and no other")] | None
    ) = None
    version_label: (
        Annotated[
            str, Meta(max_length=64, description="ask the version with this label: stable, canary")
        ]
        | None
    ) = None


class ModelAnswer(msgspec.Struct, frozen=True):
    """Labels, best first, of a model with one output of scores; of others all outputs."""

    label: Annotated[str, Meta(description='the best; "null" where the model gives no scores')]
    score: float | UnsetType = UNSET
    predictions: tuple[Prediction, ...] | UnsetType = UNSET
    outputs: (
        Annotated[dict[str, Any], Meta(description="tensors of the picture by name, as lists")]
        | UnsetType
    ) = UNSET
    model: Model = Model("", 0)
    msg: str = ""


def build(parts: Parts) -> Service:
    """The service over *parts*."""
    every = Operation(
        method="GET",
        path="/api/models",
        name="list-models",
        summary="The models of the store, which of them take pictures, and their live versions",
        handle=lambda _: listed(parts.catalogue),
        answer=ListedModels,
    )
    one = Operation(
        method="GET",
        path="/api/models/<name>",
        name="describe-model",
        summary="One model: versions, class labels, what picture it wants, what it gives",
        handle=lambda asked: describe(parts.catalogue, asked.path["name"]),
        answer=Described,
    )
    question = Operation(
        method="POST",
        path="/api/models/<name>",
        name="ask-model",
        summary="Show a picture to a model of the store",
        handle=lambda asked: show(parts, asked),
        answer=ModelAnswer,
        takes=Takes.PICTURE,
        options=ModelOptions,
    )
    return Service(
        "models",
        (
            every,
            replace(one, instances=lambda: _instances(parts, one, "describe")),
            replace(question, instances=lambda: _instances(parts, question, "ask")),
            explaining(
                "/api/models/<name>/explain",
                "explain-model",
                "Which parts of the picture a model's answer hangs on",
                lambda asked: explain_with(parts, asked.path["name"], asked),
            ),
        ),
    )


def show(parts: Parts, asked: Asked[ModelOptions]) -> ModelAnswer:
    """What the model says of the picture.

    Raises:
        ServableNotFound: There is no such model or version, or it takes no pictures.
        InvalidRequest: No model can have this name, or two versions are asked for.
        EaselError: As ``Classifier.ask`` does.
    """
    name = asked.path["name"]
    version = pinned(parts, name, asked.options)
    answered = parts.classifier.ask(name, asked.picture, asked.deadline, version)
    model = to_model(answered.version.model)
    msg = Say.RECOGNISED.in_language(asked.language)
    if not is_classifier(answered):
        return ModelAnswer("null", outputs=_first_row(answered), model=model, msg=msg)
    ranked = ranking(rank(scores_of(answered)[0], answered.version.labels), asked.options.top_k)
    best = ranked[0]
    return ModelAnswer(best.label, best.score, ranked, model=model, msg=msg)


def pinned(parts: Parts, name: str, options: ModelOptions) -> int | None:
    """The version that is asked for by number or label; None for the live one.

    Raises:
        InvalidRequest: Both are given.
        ServableNotFound: No version has the label.
    """
    if options.version_label is None:
        return options.version
    if options.version is not None:
        raise InvalidRequest("version and version_label are two ways to say one thing; give one")
    labels = parts.catalogue.version_labels(name)
    if options.version_label not in labels:
        there = ", ".join(sorted(labels)) or "none"
        raise ServableNotFound(
            f"no version of {name} has the label {options.version_label!r}; there are: {there}"
        )
    return labels[options.version_label]


def _first_row(answered: Answered) -> dict[str, Any]:
    """The outputs of the one picture, as lists.

    Raises:
        Unsupported: They are too many numbers for JSON.
    """
    rows = {name: tensor[0] if tensor.ndim else tensor for name, tensor in answered.outputs.items()}
    if sum(row.size for row in rows.values()) > _MOST_NUMBERS:
        raise Unsupported(
            f"{answered.version.model} gives more than {_MOST_NUMBERS} numbers for a picture; "
            "ask the model server itself, which answers tensors as bytes"
        )
    return {name: row.tolist() for name, row in rows.items()}


def _instances(parts: Parts, operation: Operation, verb: str) -> Iterator[Operation]:
    """The operation of each image model that there is now, for the document."""
    for card in listed(parts.catalogue).models:
        if card.takes is not None:
            yield replace(
                operation,
                path=f"/api/models/{card.name}",
                name=f"{verb}-model-{card.name}",
                summary=f"{operation.summary}: {card.about}",
            )
