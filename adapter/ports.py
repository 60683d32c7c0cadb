"""What the adapter needs of the outside, in its own words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray

Tensors = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Scores:
    """What a model server answered: the outputs, and the version that computed them."""

    version: int
    outputs: Tensors


class ModelServer(Protocol):
    """Something that runs models: Easel, TF Serving, Triton or TorchServe."""

    def predict(
        self, model: str, version: int | None, inputs: Tensors, *, timeout_s: float
    ) -> Scores:
        """Run ``serving_default`` of *model* once, on the whole batch.

        Args:
            model: The model's name.
            version: Which version; None for the live one.
            inputs: By tensor name; axis 0 is the batch axis, equal in all.
            timeout_s: Seconds until the caller no longer wants the answer.

        Raises:
            ServableNotFound: The server has no such model or version.
            InvalidRequest: An input is not what the signature asks for.
            ServableNotReady: No server answers, or it is not ready.
            Overloaded: The server's queue is full.
            DeadlineExceeded: No answer within *timeout_s*.
            ServerFailed: The server failed, or answered what is no answer.
        """
        ...

    def is_ready(self, *, timeout_s: float) -> bool:
        """Whether the server answers and has loaded its models."""
        ...

    def health(self, *, timeout_s: float) -> Mapping[str, str | None]:
        """Every server that is needed, by a name for people: None, or why it is not ready."""
        ...

    def close(self) -> None:
        """End all connections, and the calls on them: for the end of the process."""
        ...
