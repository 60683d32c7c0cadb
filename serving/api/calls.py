"""A prediction as data, the same for both protocols."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import ml_dtypes  # noqa: F401 - gives numpy its bfloat16
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
        priority: 0 is usual; a higher one waits less.
    """

    model: ModelRef
    inputs: Tensors
    outputs: tuple[str, ...] = ()
    signature: str = DEFAULT_SIGNATURE
    priority: int = 0


class Timing(NamedTuple):
    """Where a request's time went, and in which company.

    Attributes:
        queue_s: Seconds from its arrival in the queue to the start of its run.
        compute_s: Seconds of the run.
        batch_rows: Rows of the run, its own and the others'.
    """

    queue_s: float = 0.0
    compute_s: float = 0.0
    batch_rows: int = 0


_UNTIMED = Timing()


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, which version computed it, and how that went."""

    model: ModelVersion
    outputs: Tensors
    timing: Timing = _UNTIMED


# numpy works a dtype's name out anew each time, which costs more than a small inference.
_NAMES = {
    np.dtype(name): name
    for name in (
        "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
        "float16", "bfloat16", "float32", "float64",
    )
} | {np.dtype(object): "bytes"}  # fmt: skip

# What both protocols can send.
SERVED_DTYPES = frozenset(_NAMES.values())


def dtype_name(tensor: Tensor) -> str:
    """The spec's name for a tensor's element type: numpy's, or ``bytes``."""
    return _NAMES.get(tensor.dtype) or tensor.dtype.name
