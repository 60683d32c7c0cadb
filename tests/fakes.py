"""A model server in this process, behind ``adapter.ports.ModelServer``.

``tests/adapter/test_ports.py`` holds it to the same promises as the real clients.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from adapter.ports import Scores, Tensors
from model_store.errors import DeadlineExceeded, EaselError, ServableNotFound, TensorMismatch
from model_store.spec import ModelVersion, TensorSpec

Run = Callable[[Tensors], Tensors]


@dataclass(frozen=True, slots=True)
class FakeServable:
    """One version: the input it checks, and the function that makes its outputs."""

    image: TensorSpec
    run: Run


@dataclass(frozen=True, slots=True)
class Call:
    """What the server was asked."""

    model: str
    version: int | None
    inputs: Tensors
    timeout_s: float


@dataclass
class FakeModelServer:
    """Runs Python functions; without a version it runs the one in *live*, or the newest.

    Attributes:
        servables: What is loaded.
        live: The version that answers a request for none, by model.
        failure: Raised instead of any answer.
        takes_s: How long an answer would take; nobody waits for it.
        calls: Every call, in order.
        is_closed: Whether it was closed.
    """

    servables: Mapping[ModelVersion, FakeServable] = field(default_factory=dict)
    live: Mapping[str, int] = field(default_factory=dict)
    failure: Exception | None = None
    takes_s: float = 0.0
    calls: list[Call] = field(default_factory=list)
    is_closed: bool = False

    def predict(
        self, model: str, version: int | None, inputs: Tensors, *, timeout_s: float
    ) -> Scores:
        self.calls.append(Call(model, version, inputs, timeout_s))
        if self.failure is not None:
            raise self.failure
        if self.takes_s > timeout_s:
            raise DeadlineExceeded(f"no answer within {timeout_s} s")
        number = self._number(model, version)
        servable = self.servables[ModelVersion(model, number)]
        if inputs.keys() != {servable.image.name}:
            raise TensorMismatch(f"expected {servable.image}, got {sorted(inputs)}")
        tensor = inputs[servable.image.name]
        servable.image.check(tensor.dtype.name, tensor.shape)
        return Scores(number, servable.run(inputs))

    def is_ready(self, *, timeout_s: float) -> bool:
        return self.failure is None and self.takes_s <= timeout_s

    def health(self, *, timeout_s: float) -> Mapping[str, str | None]:
        is_ready = self.is_ready(timeout_s=timeout_s)
        return {"model server": None if is_ready else "does not answer"}

    def close(self) -> None:
        self.is_closed = True

    def _number(self, model: str, version: int | None) -> int:
        numbers = [servable.number for servable in self.servables if servable.name == model]
        wanted = self.live.get(model, max(numbers, default=0)) if version is None else version
        if wanted not in numbers:
            raise ServableNotFound(f"{model}/{wanted} is not loaded")
        return wanted


def always(*scores: float, image: TensorSpec) -> FakeServable:
    """A classifier that gives every row the same scores."""
    row = np.array([scores], np.float32)

    def run(inputs: Tensors) -> Tensors:
        return {"scores": np.repeat(row, len(inputs[image.name]), axis=0)}

    return FakeServable(image, run)


def failing(error: EaselError | Exception) -> FakeModelServer:
    """A server that answers every call with *error*."""
    return FakeModelServer(failure=error)
