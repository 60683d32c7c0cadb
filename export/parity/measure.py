"""One output of both models, compared: every number that ``parity.json`` has of it.

Comparing returns data and never raises: every output's error is worth more than the
first mismatch.  Knows arrays only; ``export.parity.proof`` runs the models.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf

import numpy as np

from export.parity.difference import (
    Array,
    Difference,
    cosines,
    differ,
    dtype_name,
    max_rel_error,
    mismatch_of,
    top_agreement,
)
from export.parity.tolerance import Tolerance, Tolerances

TOP = 5


@dataclass(frozen=True, slots=True)
class OutputParity:
    """One output compared over all rows of one batch size.

    Attributes:
        name: The output.
        batch: Rows in each call; None for a model without a batch axis.
        case: Which inputs, where there were several kinds: ``ids[1]=12``; else empty.
        dtype: numpy's name; ``bytes`` for strings.
        rows: Rows compared; 0 if nothing could be.
        elements: Numbers compared.
        beyond: How many of them are beyond the tolerance.
        passed: Whether enough of them, and of the winners, are the same.
        max_abs_error: Largest difference; inf where no number can say it.
        max_rel_error: Largest difference as a share of the wanted value, where that is
            more than the absolute tolerance; smaller values are judged by that alone.
        cosine_min: Of the angles between the rows of both, the worst; None without finite rows.
        cosine_mean: Their mean.
        top1_agreement: Share of rows whose highest score is the same one; None for outputs
            that are not floating ``[N, K]``.  See :func:`top_agreement` for ties.
        top5_agreement: Of the five highest, the share that is among the source's; None if K <= 5.
        nan_source: How many numbers of the source are NaN.
        nan_exported: How many of the exported model are.
        infinite: How many numbers of the source are infinite.
        mismatch: Why nothing could be compared; else empty.
    """

    name: str
    batch: int | None
    case: str = ""
    dtype: str = ""
    rows: int = 0
    elements: int = 0
    beyond: int = 0
    passed: bool = False
    max_abs_error: float = inf
    max_rel_error: float = inf
    cosine_min: float | None = None
    cosine_mean: float | None = None
    top1_agreement: float | None = None
    top5_agreement: float | None = None
    nan_source: int = 0
    nan_exported: int = 0
    infinite: int = 0
    mismatch: str = ""


def compare_output(
    name: str,
    want: Array | None,
    got: Array | None,
    tolerances: Tolerances,
    batch: int | None = None,
    *,
    case: str = "",
) -> OutputParity:
    """Compare one output; missing, or of another dtype or shape, never agrees."""
    mismatch = mismatch_of(want, got)
    if mismatch or want is None or got is None:
        return OutputParity(name, batch, case, mismatch=mismatch)
    tolerance = tolerances.of(dtype_name(want))
    difference = differ(want, got, tolerance, is_batched=batch is not None)
    entry = OutputParity(name, batch, case, dtype_name(want))
    return summarise(entry, difference, tolerance, is_scores=want.ndim == 2)


def summarise(
    entry: OutputParity, difference: Difference, tolerance: Tolerance, *, is_scores: bool
) -> OutputParity:
    """*entry* with the numbers of *difference*."""
    found = replace(
        entry,
        rows=len(difference.error),
        elements=difference.error.size,
        beyond=int((~difference.is_close).sum()),
        max_abs_error=float(difference.error.max(initial=0.0)),
        max_rel_error=max_rel_error(difference, tolerance),
    )
    if entry.dtype != "bytes":
        angles = cosines(difference.want, difference.got)
        found = replace(
            found,
            cosine_min=float(angles.min()) if angles.size else None,
            cosine_mean=float(angles.mean()) if angles.size else None,
            nan_source=int(np.isnan(difference.want).sum()),
            nan_exported=int(np.isnan(difference.got).sum()),
            infinite=int(np.isinf(difference.want).sum()),
        )
    if is_scores and "float" in entry.dtype:
        found = replace(
            found,
            top1_agreement=top_agreement(difference, entry.dtype, 1),
            top5_agreement=top_agreement(difference, entry.dtype, TOP),
        )
    return _judge(found, tolerance)


def merge(parts: Sequence[OutputParity], tolerance: Tolerance) -> OutputParity:
    """One entry for several calls of the same output at the same batch size."""
    for part in parts:
        if part.mismatch:
            return part
    joined = replace(
        parts[0],
        **{name: sum(getattr(part, name) for part in parts) for name in _COUNTS},
        max_abs_error=max(part.max_abs_error for part in parts),
        max_rel_error=max(part.max_rel_error for part in parts),
        cosine_min=min((c for part in parts if (c := part.cosine_min) is not None), default=None),
        cosine_mean=_mean(parts, "cosine_mean"),
        top1_agreement=_mean(parts, "top1_agreement"),
        top5_agreement=_mean(parts, "top5_agreement"),
    )
    return _judge(joined, tolerance)


_COUNTS = ("rows", "elements", "beyond", "nan_source", "nan_exported", "infinite")


def _judge(entry: OutputParity, tolerance: Tolerance) -> OutputParity:
    is_enough = entry.beyond <= (1 - tolerance.min_share) * entry.elements
    top1 = 1.0 if entry.top1_agreement is None else entry.top1_agreement
    # Means of many calls may miss 1.0 by a rounding.
    passed = entry.rows > 0 and is_enough and top1 >= tolerance.min_top1 - 1e-12
    return replace(entry, passed=passed)


def _mean(parts: Sequence[OutputParity], name: str) -> float | None:
    known = [(value, part.rows) for part in parts if (value := getattr(part, name)) is not None]
    rows = sum(count for _, count in known)
    return sum(value * count for value, count in known) / rows if rows else None
