"""A picture in, ranked class labels out.  Knows no HTTP and no gRPC."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from adapter.asking import Asked, Batch, ask
from adapter.catalogue import Catalogue
from adapter.deadline import Deadline
from adapter.decoding import DecodingRoom
from adapter.ports import ModelServer
from model_store.contract import ImageContract
from model_store.errors import EaselError
from model_store.preprocess import to_tensor
from model_store.spec import ModelVersion


class Ranked(msgspec.Struct, frozen=True):
    """One class label and its score; of a kind that is made quickly, for there are many."""

    label: str
    score: float


@dataclass(frozen=True, slots=True)
class Classification:
    """Labels, best first, and the version that gave them."""

    model: ModelVersion
    predictions: tuple[Ranked, ...]


@dataclass(frozen=True, slots=True)
class Classifier:
    """What it takes to classify pictures with any image model of the store."""

    catalogue: Catalogue
    server: ModelServer
    room: DecodingRoom

    def classify(
        self, name: str, picture: bytes, deadline: Deadline, version: int | None = None
    ) -> Classification:
        """Label one encoded picture; with the live version of model *name* if none is given.

        The labels are those of the version that answered.

        Raises:
            BadImage: The bytes are no picture that can be read.
            ServableNotFound: Store or server do not have the model.
            ServableNotReady: The server does not answer.
            DeadlineExceeded: It did not answer in time.
        """
        asked = self.ask(name, picture, deadline, version)
        return Classification(asked.version.model, rank(scores_of(asked)[0], asked.version.labels))

    def ask(
        self, name: str, picture: bytes, deadline: Deadline, version: int | None = None
    ) -> Asked:
        """What a model says of one encoded picture; raises as ``classify`` does."""

        def to_batch(contract: ImageContract) -> NDArray[Any]:
            with self.room.take(picture, deadline):
                return to_tensor(picture, contract, self.room.limits)

        return self.put(name, to_batch, deadline, version)

    def put(
        self, name: str, to_batch: Batch, deadline: Deadline, version: int | None = None
    ) -> Asked:
        """What a model says of the tensor that *to_batch* makes; see ``asking.ask``."""
        return ask(self.catalogue, self.server, name, to_batch, deadline, version=version)


def scores_of(asked: Asked) -> NDArray[Any]:
    """The one output ``[N, K]`` of a classifier.

    Raises:
        EaselError: The model is none.
    """
    if not is_classifier(asked):
        name = asked.version.model.name
        raise EaselError(f"{name} is no classifier: it has no single output [N, K]")
    return next(iter(asked.outputs.values()))


def is_classifier(asked: Asked) -> bool:
    """Whether the outputs are scores: a single one, ``[N, K]``."""
    outputs = tuple(asked.outputs.values())
    return len(outputs) == 1 and outputs[0].ndim == 2


def rank(scores: NDArray[Any], labels: tuple[str, ...]) -> tuple[Ranked, ...]:
    """Pair ``float[K]`` scores with K labels, highest first; equal scores keep their order.

    Raises:
        EaselError: The numbers of scores and labels differ, or a score is not a number.
    """
    names = labels or tuple(map(str, range(len(scores))))
    if len(names) != len(scores):
        raise EaselError(f"the version has {len(names)} class labels for {len(scores)} scores")
    # For so few numbers Python is quicker than numpy.
    numbers = scores.astype(np.float64).tolist()
    if not all(map(math.isfinite, numbers)):
        raise EaselError("the model gave a score that is not a number")
    order = sorted(range(len(numbers)), key=numbers.__getitem__, reverse=True)
    return tuple([Ranked(names[index], numbers[index]) for index in order])
