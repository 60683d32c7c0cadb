"""A tensor made for the version that answers: also while versions change.  Knows no HTTP, no gRPC.

The server chooses among the versions of a rollout, so nobody knows beforehand which input
it will want.  A version that wants another one refuses, or answers and says who it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from adapter.catalogue import Catalogue, ImageModel
from adapter.deadline import Deadline
from adapter.ports import ModelServer, Tensors
from model_store.contract import ImageContract
from model_store.errors import InvalidRequest, ServableNotFound, ServerFailed, SignatureNotFound

Batch = Callable[[ImageContract], NDArray[Any]]


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
    wanted = catalogue.live(name) if version is None else catalogue.version(name, version)
    number, tried = version, set[int]() if version is None else {version}
    batch = to_batch(wanted.contract)
    while True:
        inputs = {wanted.contract.tensor: batch}
        try:
            scores = server.predict(name, number, inputs, timeout_s=deadline.left_s())
        except (InvalidRequest, SignatureNotFound, ServableNotFound) as error:
            if number == version and isinstance(error, ServableNotFound):
                raise
            following = _another(catalogue, wanted, tried) if version is None else None
            if following is None:
                # The tensor is ours: what is wrong with it is no mistake of the caller's.
                raise ServerFailed(
                    f"the model server refuses what the store says {name} takes; "
                    "serve the versions that are in the store"
                ) from error
        else:
            answered = catalogue.version(name, scores.version)
            if answered.contract == wanted.contract:
                return Asked(answered, scores.outputs)
            following = answered
            if number is not None and answered.model.number in tried:
                raise ServerFailed(f"the model server answers with another version than {number}")
        if following.contract != wanted.contract:
            batch = to_batch(following.contract)
        wanted, number = following, following.model.number
        tried.add(number)


def _another(catalogue: Catalogue, wanted: ImageModel, tried: set[int]) -> ImageModel | None:
    """The version that the tensor was made for, then the others, newest first."""
    name, made_for = wanted.model.name, wanted.model.number
    if made_for not in tried:
        return wanted
    for number in reversed(catalogue.versions(name)):
        if number not in tried:
            return catalogue.version(name, number)
    return None
