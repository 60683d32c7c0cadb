"""A prediction as data, the same for both protocols."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model_store.spec import DEFAULT_SIGNATURE, ModelVersion

Tensor = NDArray[Any]
Tensors = Mapping[str, Tensor]


@dataclass(frozen=True, slots=True)
class ModelRef:
    """Which servable a caller asks for: one version, or one version label, or the live one."""

    name: str
    version: int | None = None
    label: str | None = None

    def __str__(self) -> str:
        if self.version is not None:
            return f"{self.name}/{self.version}"
        return self.name if self.label is None else f"{self.name}@{self.label}"


@dataclass(frozen=True, slots=True)
class Prediction:
    """A request to run one signature once.

    Attributes:
        model: Which servable.
        inputs: By tensor name; axis 0 is the batch axis, equal in all.
        outputs: Names of the wanted outputs; empty means all.
        signature: Which way to call the model.
    """

    model: ModelRef
    inputs: Tensors
    outputs: tuple[str, ...] = ()
    signature: str = DEFAULT_SIGNATURE


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, and which version computed it."""

    model: ModelVersion
    outputs: Tensors


# numpy works a dtype's name out anew each time, which costs more than a small inference.
_NAMES = {
    np.dtype(name): name
    for name in (
        "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
        "float16", "float32", "float64",
    )
} | {np.dtype(object): "bytes"}  # fmt: skip


def dtype_name(tensor: Tensor) -> str:
    """The spec's name for a tensor's element type: numpy's, or ``bytes``."""
    return _NAMES.get(tensor.dtype) or tensor.dtype.name
