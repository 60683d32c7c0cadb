"""What a model takes and gives: named tensors, grouped into signatures.

Innermost vocabulary: standard library only, no protocol's names.  dtypes carry numpy's
names (``float32``), and ``bytes`` for an array of byte strings; ``serving/api`` alone
translates them to ``DT_FLOAT`` or ``FP32``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from model_store.errors import TensorMismatch

# What a version's number may be: 18 digits fit every protocol's signed 64 bits.
VERSION_NAME = re.compile(r"[1-9][0-9]{0,17}")

DEFAULT_SIGNATURE = "serving_default"

Method = Literal["predict", "classify", "regress"]


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One named tensor, written ``image: uint8[N, 28, 28, 1]``.

    Attributes:
        name: The tensor's name in the exported graph.
        dtype: numpy's name for the element type, or ``bytes``.
        shape: Axis lengths; ``None`` fits any length.  Axis 0 is the batch axis if None.
            None instead of a tuple: any rank fits.
    """

    name: str
    dtype: str
    shape: tuple[int | None, ...] | None

    def check(self, dtype: str, shape: tuple[int, ...]) -> None:
        """Raise TensorMismatch unless a tensor of *dtype* and *shape* fits."""
        if dtype != self.dtype or not self.fits(shape):
            raise TensorMismatch(f"expected {self}, got {dtype}{list(shape)}")

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Whether *shape* has this rank and, where fixed, these axis lengths."""
        if self.shape is None:
            return True
        if len(shape) != len(self.shape):
            return False
        for want, got in zip(self.shape, shape, strict=True):
            if want is not None and want != got:
                return False
        return True

    def __str__(self) -> str:
        if self.shape is None:
            return f"{self.name}: {self.dtype}[...]"
        axes = ", ".join("N" if axis is None else str(axis) for axis in self.shape)
        return f"{self.name}: {self.dtype}[{axes}]"


@dataclass(frozen=True, slots=True)
class Signature:
    """One way to call a model, e.g. ``serving_default``.

    Attributes:
        inputs: What it takes.
        outputs: What it gives.
        method: What the outputs mean: tensors and no more, classes with scores, or a number.
        is_row_wise: Whether a row has the same answer in any company.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    method: Method = "predict"
    is_row_wise: bool = True

    @property
    def is_batched(self) -> bool:
        """Whether axis 0 of every tensor is a batch axis of free length."""
        return all(
            spec.shape is not None and spec.shape[:1] == (None,)
            for spec in (*self.inputs, *self.outputs)
        )

    @property
    def may_join(self) -> bool:
        """Whether rows of several requests may share a run, and one request's be split."""
        return self.is_batched and self.is_row_wise


@dataclass(frozen=True, slots=True, order=True)
class ModelVersion:
    """A servable's identity, written ``numbers/3``.  Numbers start at 1 and only grow."""

    name: str
    number: int

    def __str__(self) -> str:
        return f"{self.name}/{self.number}"
