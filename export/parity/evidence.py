"""What the page for people is drawn from, gathered while both models run.

Bounded whatever the models' size: counts of errors, some hundred pairs of numbers for each
output, and the few rows that differ most.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.parity.difference import Difference, Floats, differ, dtype_name, mismatch_of
from export.parity.tolerance import Tolerances
from export.tensors import Tensors

BINS_PER_DECADE = 4
DECADES = (-12, 4)
MAX_POINTS = 600
MAX_ROWS = 6
_POINTS_PER_CALL = 48


@dataclass(frozen=True, slots=True)
class OutputEvidence:
    """One output's errors.

    Attributes:
        name: The output.
        errors: How many there are in each quarter of a decade, from the first of DECADES.
        beyond: How many of those are beyond the tolerance, which grows with the numbers.
        equal: How many numbers were exactly equal.
        unsayable: How many differ as no number can say.
        want: Some of the source's numbers; float64[n].
        got: The exported model's at the same places; float64[n].
        is_far: Where the two are beyond the tolerance; bool[n].
        atol: The absolute tolerance.
    """

    name: str
    errors: NDArray[np.int64]
    beyond: NDArray[np.int64]
    equal: int
    unsayable: int
    want: Floats
    got: Floats
    is_far: NDArray[np.bool_]
    atol: float


@dataclass(frozen=True, slots=True)
class RowEvidence:
    """One row that both models were given.

    Attributes:
        inputs: Without the batch axis, by name.
        want: The source's answer, by output.
        got: The exported model's; an output that is missing or has another shape is left out.
        excess: How many times the tolerance it is off; inf where that cannot be said.
        max_abs_error: Over all outputs; inf where no number can say it.
        rank: How far off it is beside the largest number in it: the order of the worst.
        batch: Rows in the call where that was seen.
    """

    inputs: Tensors
    want: Tensors
    got: Tensors
    excess: float
    max_abs_error: float
    rank: float
    batch: int | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """All of it.

    Attributes:
        outputs: In name order.
        rows: Those that differ most, the worst first.
        failing: Inputs of the call that differs most, of equal ones the smallest; None where
            all agree.
        excess: How many times the tolerance the worst number of all is off.
    """

    outputs: tuple[OutputEvidence, ...] = ()
    rows: tuple[RowEvidence, ...] = ()
    failing: Tensors | None = None
    excess: float = inf


def _no_errors() -> NDArray[np.int64]:
    return np.zeros((DECADES[1] - DECADES[0]) * BINS_PER_DECADE, np.int64)


@dataclass(slots=True)
class _Output:
    """An output's errors while they are being counted."""

    atol: float
    errors: NDArray[np.int64] = field(default_factory=_no_errors)
    beyond: NDArray[np.int64] = field(default_factory=_no_errors)
    equal: int = 0
    unsayable: int = 0
    points: list[Floats] = field(default_factory=list)


class Gathering:
    """Collects evidence call by call."""

    def __init__(self, tolerances: Tolerances) -> None:
        self._tolerances = tolerances
        self._outputs: dict[str, _Output] = {}
        self._rows: dict[bytes, RowEvidence] = {}
        self._failing: tuple[float, int, Tensors] | None = None
        self._excess: float | None = None

    def add(self, inputs: Tensors, want: Tensors, got: Tensors, batch: int | None) -> None:
        """Take note of one call of both models."""
        excess = np.zeros(_row_count(inputs, batch))
        error, rank = np.zeros_like(excess), np.zeros_like(excess)
        for name in want.keys() | got.keys():
            if mismatch_of(want.get(name), got.get(name)):
                excess[:] = error[:] = rank[:] = inf
                continue
            tolerance = self._tolerances.of(dtype_name(want[name]))
            difference = differ(want[name], got[name], tolerance, is_batched=batch is not None)
            if name not in self._outputs:
                self._outputs[name] = _Output(tolerance.atol)
            _count(self._outputs[name], difference)
            if len(difference.error) == len(excess):
                excess = np.maximum(excess, difference.row_excess())
                error = np.maximum(error, difference.error.max(axis=1, initial=0.0))
                rank = np.maximum(rank, difference.row_rank())
        worst = float(excess.max(initial=0.0))
        self._excess = max(worst, self._excess or 0.0)
        if worst > 1 and (self._failing is None or self._failing[:2] < (worst, -len(excess))):
            self._failing = worst, -len(excess), inputs
        for row in np.argsort(-rank, kind="stable")[:MAX_ROWS]:
            self._keep(
                RowEvidence(
                    _row(inputs, row, batch),
                    _row(want, row, batch),
                    _row(_fitting(got, want), row, batch),
                    float(excess[row]),
                    float(error[row]),
                    float(rank[row]),
                    batch,
                )
            )

    def evidence(self) -> Evidence:
        """All that was gathered."""
        outputs = [
            OutputEvidence(
                name,
                found.errors,
                found.beyond,
                found.equal,
                found.unsayable,
                *_points(found),
                found.atol,
            )
            for name, found in sorted(self._outputs.items())
        ]
        excess = inf if self._excess is None else self._excess
        failing = None if self._failing is None else self._failing[2]
        return Evidence(tuple(outputs), tuple(self._worst()), failing, excess)

    def _keep(self, row: RowEvidence) -> None:
        """Keep *row* if it is among the worst; the same inputs count once."""
        identity = sha256()
        for name in sorted(row.inputs):
            identity.update(np.ascontiguousarray(row.inputs[name]).tobytes())
        known = self._rows.get(identity.digest())
        if known is None or known.rank < row.rank:
            self._rows[identity.digest()] = row
        if len(self._rows) > 8 * MAX_ROWS:
            kept = {id(row) for row in self._worst()}
            self._rows = {key: row for key, row in self._rows.items() if id(row) in kept}

    def _worst(self) -> list[RowEvidence]:
        return sorted(self._rows.values(), key=lambda row: -row.rank)[:MAX_ROWS]


def join_evidence(parts: Sequence[Evidence]) -> Evidence:
    """The first one's outputs, and the rows that differ most of all."""
    rows = sorted((row for part in parts for row in part.rows), key=lambda row: -row.rank)
    failing = [part.failing for part in parts if part.failing is not None]
    return Evidence(
        parts[0].outputs,
        tuple(rows[:MAX_ROWS]),
        failing[0] if failing else None,
        max(part.excess for part in parts),
    )


def _count(output: _Output, difference: Difference) -> None:
    """Add a call's errors to the histogram, and some of its numbers to the points."""
    error = difference.error.ravel()
    is_sayable = np.isfinite(error)
    output.equal += int((error == 0).sum())
    output.unsayable += int((~is_sayable).sum())
    is_error = is_sayable & (error > 0)
    output.errors += _in_bins(error[is_error])
    output.beyond += _in_bins(error[is_error & ~difference.is_close.ravel()])
    if difference.want.dtype.kind == "S" or not error.size:
        return
    shown = np.unique(np.linspace(0, error.size - 1, _POINTS_PER_CALL).astype(np.intp))
    shown = np.append(shown, error.argmax())
    is_far = ~difference.is_close.ravel()[shown]
    pairs = np.stack([difference.want.ravel()[shown], difference.got.ravel()[shown], is_far])
    output.points.append(pairs[:, np.isfinite(pairs).all(axis=0)])


def _in_bins(errors: Floats) -> NDArray[np.int64]:
    last = (DECADES[1] - DECADES[0]) * BINS_PER_DECADE - 1
    bins = np.floor((np.log10(errors) - DECADES[0]) * BINS_PER_DECADE).astype(np.int64)
    return np.bincount(np.clip(bins, 0, last), minlength=last + 1)


def _points(output: _Output) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """At most MAX_POINTS pairs: those that differ most, and the others at even distances."""
    pairs = np.concatenate([np.zeros((3, 0)), *output.points], axis=1)
    order = np.argsort(-np.abs(pairs[0] - pairs[1]), kind="stable")
    first, rest = order[: MAX_POINTS // 4], order[MAX_POINTS // 4 :]
    wanted = MAX_POINTS - len(first)
    if len(rest) > wanted:
        rest = rest[np.linspace(0, len(rest) - 1, wanted).astype(np.intp)]
    chosen = pairs[:, np.concatenate([first, rest])]
    return chosen[0], chosen[1], chosen[2] > 0


def _row_count(inputs: Tensors, batch: int | None) -> int:
    return len(next(iter(inputs.values()))) if batch is not None else 1


def _row(tensors: Tensors, row: int, batch: int | None) -> dict[str, NDArray[Any]]:
    """One row of every tensor; the whole of it where no axis counts rows."""
    return {
        name: tensor[row] if batch is not None and tensor.ndim and row < len(tensor) else tensor
        for name, tensor in tensors.items()
    }


def _fitting(got: Tensors, want: Tensors) -> Mapping[str, NDArray[Any]]:
    return {name: tensor for name, tensor in got.items() if not mismatch_of(want.get(name), tensor)}
