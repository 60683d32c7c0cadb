"""A tensor made for the version that answers: also while versions change.  Knows no HTTP, no gRPC.

The server chooses among the versions of a rollout, so nobody knows beforehand which input
it will want.  A version that wants another one refuses, or answers and says who it is.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from adapter.catalogue import Catalogue, ImageModel
from adapter.deadline import Deadline
from adapter.ports import ModelServer, Tensors
from model_store.contract import ImageContract
from model_store.errors import (
    BadVersion,
    InvalidRequest,
    ServableNotFound,
    ServerFailed,
    SignatureNotFound,
)

logger = logging.getLogger(__name__)

Batch = Callable[[ImageContract], NDArray[Any]]
# What a server says to a tensor that another version takes.
_REFUSALS = (InvalidRequest, SignatureNotFound)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a model's outputs are, and the version that computed them."""

    version: ImageModel
    outputs: Tensors


def ask(
    catalogue: Catalogue,
    server: ModelServer,
    name: str,
    to_batch: Batch,
    deadline: Deadline,
    *,
    version: int | None = None,
) -> Asked:
    """Ask the live version of model *name*, with the input that this version wants.

    Args:
        catalogue: What the store says of the versions.
        server: Runs them.
        name: Which model.
        to_batch: Makes ``uint8[N, ...]`` as a contract says; what it raises passes.  What it
            made last is what was answered.
        deadline: For all that it takes.
        version: Ask this one and no other.

    Raises:
        ServableNotFound: Store or server do not have the model.
        ServableNotReady: The server does not answer.
        ServerFailed: It refuses every version's input, or fails.
        DeadlineExceeded: It did not answer in time.
    """
    question = _Question(catalogue, server, name, to_batch, deadline)
    try:
        if version is not None:
            return _ask_one(question, version)
        with suppress(_NoneTakesIt):
            return _ask_all(question)
        # While one version after the other was asked, the server may have swapped them.
        return _ask_all(question)
    except _NoneTakesIt as error:
        # The tensor is ours: what is wrong with it is no mistake of the caller's.
        logger.error("the model server refuses what was made for %s: %s", name, error.__cause__)
        raise ServerFailed(
            f"the model server refuses what the store says {name} takes; "
            "serve the versions that are in the store"
        ) from error.__cause__


class _NoneTakesIt(Exception):
    """Every version that there may be refused its input, or is not served."""


@dataclass(frozen=True, slots=True)
class _Question:
    """What ``ask`` was asked; see there."""

    catalogue: Catalogue
    server: ModelServer
    name: str
    to_batch: Batch
    deadline: Deadline

    def put(self, wanted: ImageModel, batch: NDArray[Any], number: int | None) -> Asked:
        """Send *batch* once; an answer may be of another version than *wanted*."""
        inputs, left_s = {wanted.contract.tensor: batch}, self.deadline.left_s()
        scores = self.server.predict(self.name, number, inputs, timeout_s=left_s)
        return Asked(self.catalogue.version(self.name, scores.version), scores.outputs)


def _ask_one(question: _Question, number: int) -> Asked:
    wanted = question.catalogue.version(question.name, number)
    batch = question.to_batch(wanted.contract)
    try:
        asked = question.put(wanted, batch, number)
    except _REFUSALS as error:
        raise _NoneTakesIt from error
    if asked.version.contract != wanted.contract:
        raise ServerFailed(f"the model server answers with another version than {number}")
    return asked


def _ask_all(question: _Question) -> Asked:
    catalogue = question.catalogue
    wanted, number = catalogue.live(question.name), None
    batch, tried = question.to_batch(wanted.contract), set[int]()
    while True:
        try:
            asked = question.put(wanted, batch, number)
        except (*_REFUSALS, ServableNotFound) as error:
            if number is None and isinstance(error, ServableNotFound):
                raise
            following = _another(catalogue, wanted, tried)
            if following is None:
                raise _NoneTakesIt from error
        else:
            following = asked.version
            if following.contract == wanted.contract:
                catalogue.note_answer(following.model)
                return asked
            if number is not None and following.model.number in tried:
                raise ServerFailed(f"the model server answers with another version than {number}")
        if following.contract != wanted.contract:
            batch = question.to_batch(following.contract)
        wanted, number = following, following.model.number
        tried.add(number)


def _another(catalogue: Catalogue, wanted: ImageModel, tried: set[int]) -> ImageModel | None:
    """Which version to ask for next: those that are likely to be served, once each."""
    name = wanted.model.name
    # First the one that the tensor was made for.
    for number in dict.fromkeys((wanted.model.number, *catalogue.likely(name))):
        if number not in tried:
            with suppress(BadVersion):
                return catalogue.version(name, number)
    return None
