"""Whether an exported model computes what its source computed.

Comparing returns data and never raises: every output's error is worth more than the
first mismatch.  ``export.publish`` writes the report beside the model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from math import inf, isnan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.tensors import Tensors

BATCH_SIZES = (1, 2, 7)

Predict = Callable[[Tensors], Tensors]


@dataclass(frozen=True, slots=True)
class Tolerance:
    """Agreement is ``|got - want| <= atol + rtol * |want|`` in every element."""

    rtol: float = 1e-4
    atol: float = 1e-5


@dataclass(frozen=True, slots=True)
class OutputParity:
    """One output compared over all rows of one batch size.

    Attributes:
        name: The output.
        batch: Rows in each call.
        rows: Rows compared.
        agrees: Whether every element is within the tolerance.
        max_abs_error: Largest difference; inf where no number can say it.
        top1_agreement: Share of rows whose highest element is the same one; None for
            outputs that are not ``[N, K]``.
    """

    name: str
    batch: int
    rows: int
    agrees: bool
    max_abs_error: float
    top1_agreement: float | None

    @property
    def passed(self) -> bool:
        """Whether rows were compared, and all agree."""
        return self.agrees and self.rows > 0 and self.top1_agreement in (None, 1.0)


@dataclass(frozen=True, slots=True)
class ParityReport:
    """The proof that travels with a version as ``parity.json``."""

    tolerance: Tolerance
    samples: str
    outputs: tuple[OutputParity, ...]

    @property
    def passed(self) -> bool:
        """Whether every output agrees at every batch size, and there was something to compare."""
        return bool(self.outputs) and all(output.passed for output in self.outputs)

    @property
    def max_abs_error(self) -> float:
        """The largest difference of all."""
        return max((output.max_abs_error for output in self.outputs), default=inf)

    def to_json(self) -> dict[str, Any]:
        """The object for ``parity.json``."""
        return {"passed": self.passed, "max_abs_error": self.max_abs_error, **asdict(self)}


def prove(
    source: Predict,
    exported: Predict,
    inputs: Tensors,
    tolerance: Tolerance,
    *,
    samples: str,
) -> ParityReport:
    """Run both models on the same rows at every batch size and compare.

    Args:
        source: The source model's own path, from wire tensors to outputs.
        exported: The exported graph.
        inputs: Wire tensors; axis 0 is the batch axis.
        tolerance: What counts as equal.
        samples: What the rows are, for the report.
    """
    want = source(inputs)
    compared: list[OutputParity] = []
    for batch in BATCH_SIZES:
        got = in_batches(exported, inputs, batch)
        compared += compare(want, got, tolerance, batch)
    return ParityReport(tolerance, samples, tuple(compared))


def in_batches(predict: Predict, inputs: Tensors, batch: int) -> Tensors:
    """Run *predict* on *batch* rows at a time and join the outputs."""
    rows = len(next(iter(inputs.values())))
    parts = [
        predict({name: tensor[at : at + batch] for name, tensor in inputs.items()})
        for at in range(0, rows, batch)
    ]
    names = parts[0] if parts else ()
    return {name: np.concatenate([part[name] for part in parts]) for name in names}


def compare(
    want: Tensors, got: Tensors, tolerance: Tolerance, batch: int
) -> Sequence[OutputParity]:
    """Compare by name every output that either model has, in name order."""
    return [
        compare_output(name, want.get(name), got.get(name), tolerance, batch)
        for name in sorted(want.keys() | got.keys())
    ]


def compare_output(
    name: str,
    want: NDArray[Any] | None,
    got: NDArray[Any] | None,
    tolerance: Tolerance,
    batch: int,
) -> OutputParity:
    """Compare one output; missing, or of another dtype or shape, never agrees."""
    if want is None or got is None or (want.dtype, want.shape) != (got.dtype, got.shape):
        return OutputParity(name, batch, 0, False, inf, None)
    reference, candidate = want.astype(np.float64), got.astype(np.float64)
    # isclose, not a bare comparison: NaN must disagree, equal infinities must agree.
    close = np.isclose(candidate, reference, rtol=tolerance.rtol, atol=tolerance.atol)
    with np.errstate(invalid="ignore"):  # inf - inf
        error = np.where(candidate == reference, 0.0, np.abs(candidate - reference))
    worst = float(error.max(initial=0.0))
    top1 = (
        float((reference.argmax(axis=1) == candidate.argmax(axis=1)).mean())
        if reference.ndim == 2 and reference.size
        else None
    )
    return OutputParity(
        name, batch, len(want), bool(close.all()), inf if isnan(worst) else worst, top1
    )
