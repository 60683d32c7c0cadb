"""Two outputs laid side by side, and the numbers that only the elements can give.

Knows arrays and a tolerance; ``export.parity.measure`` makes a verdict of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.parity.tolerance import EXACT, STANDARD, Tolerance

Array = NDArray[Any]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Difference:
    """Two outputs side by side, ``[rows, ...]`` flattened to ``[rows, n]``.

    Attributes:
        want: The source's; float64, or byte strings.
        got: The exported model's.
        error: Absolute difference; 0 where both are the same, inf where no number can say it.
        allowed: What the tolerance permits there.
        is_close: Where they agree.
    """

    want: Array
    got: Array
    error: Floats
    allowed: Floats
    is_close: NDArray[np.bool_]

    def row_rank(self) -> Floats:
        """How far off each row is beside the largest number in it; float64[rows].

        Small numbers are many tolerances off before anybody sees it: for showing the worst.
        """
        scale = self.allowed.max(axis=1, initial=0.0)
        scale = np.where(np.isfinite(scale) & (scale > 0), scale, 1.0)
        worst: Floats = self.error.max(axis=1, initial=0.0) / scale
        return worst

    def row_excess(self) -> Floats:
        """How many times the tolerance each row's worst element is off; float64[rows]."""
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(self.error == 0, 0.0, self.error / self.allowed)
        # A difference that no number can say stays the worst, even beside an infinite value.
        ratio = np.where(np.isnan(ratio), inf, ratio)
        worst: Floats = ratio.max(axis=1, initial=0.0)
        return worst


def dtype_name(array: Array) -> str:
    """Numpy's name, and ``bytes`` for strings of any kind."""
    return "bytes" if array.dtype.kind in "SUO" else array.dtype.name


def mismatch_of(want: Array | None, got: Array | None) -> str:
    """Why the two cannot be compared element by element; empty if they can."""
    if want is None:
        return "the source model has no such output"
    if got is None:
        return "the exported model has no such output"
    sides = [f"{dtype_name(side)}{list(side.shape)}" for side in (want, got)]
    return "" if sides[0] == sides[1] else f"the source gives {sides[0]}, the export {sides[1]}"


def differ(want: Array, got: Array, tolerance: Tolerance, *, is_batched: bool = True) -> Difference:
    """Lay two outputs of one dtype and shape side by side.

    Args:
        want: The source's.
        got: The exported model's.
        tolerance: What counts as equal.
        is_batched: Whether axis 0 counts rows; else the whole is one row.
    """
    rows = len(want) if is_batched and want.ndim else 1
    flat = (rows, want.size // rows if rows else 0)
    if dtype_name(want) == "bytes":
        return _differ_text(_as_bytes(want).reshape(flat), _as_bytes(got).reshape(flat))
    reference, candidate = _as_floats(want, rows), _as_floats(got, rows)
    finite = np.where(np.isfinite(reference), np.abs(reference), 0.0)
    floor = np.maximum(tolerance.atol, tolerance.span * finite.max(axis=1, initial=0.0))[:, None]
    is_close = np.isclose(
        candidate, reference, rtol=tolerance.rtol, atol=floor, equal_nan=True
    )  # an infinity agrees with itself and with nothing else
    with np.errstate(invalid="ignore"):  # inf - inf
        error = np.abs(candidate - reference)
    is_same = (candidate == reference) | (np.isnan(candidate) & np.isnan(reference))
    if want.dtype.kind in "iub" and tolerance.rtol == tolerance.atol == 0:
        # Integers beyond 2**53 differ where float64 cannot see it.
        is_same = is_close = (want == got).reshape(flat)
        error = np.maximum(error, 1.0)
    error = np.where(is_same, 0.0, np.where(np.isnan(error), inf, error))
    return Difference(reference, candidate, error, floor + tolerance.rtol * finite, is_close)


def top_agreement(difference: Difference, dtype: str, count: int) -> float | None:
    """Of the exported model's *count* highest scores, the share that is among the source's.

    Ties are no disagreement: a score that :data:`STANDARD` cannot tell from the source's
    *count*-th highest belongs to them too, whatever tolerance is proven.  So with *count* 1
    a row agrees if the label that a user would see is one that the source puts first.

    Returns:
        The mean over the rows; None where every score would be among them.
    """
    rows, classes = difference.want.shape
    if not rows or classes <= max(count, 1):
        return None if classes != 1 or count > 1 or not rows else 1.0
    # NaN is never a winner; where the source has one, the elements are compared anyhow.
    want, got = (np.nan_to_num(side, nan=-inf, posinf=inf, neginf=-inf)
                 for side in (difference.want, difference.got))  # fmt: skip
    last = np.sort(want, axis=1)[:, -count][:, None]
    standard = STANDARD.of(dtype)
    with np.errstate(invalid="ignore"):  # inf - inf: an infinite score has no ties but equals
        floor = last - (standard.atol + standard.rtol * np.abs(last))
    belongs = want >= np.where(np.isfinite(floor), floor, last)
    # stable, so that equal scores are taken in the same order on both sides
    chosen = np.argsort(-got, axis=1, kind="stable")[:, :count]
    return float(np.take_along_axis(belongs, chosen, axis=1).mean())


def max_rel_error(difference: Difference, tolerance: Tolerance) -> float:
    """Largest difference as a share of the wanted value, where that is above ``atol``."""
    if difference.want.dtype.kind == "S":
        return float(difference.error.max(initial=0.0))
    size = np.abs(difference.want)
    counts = np.isfinite(size) & (size > max(tolerance.atol, 1e-300))
    return float((difference.error[counts] / size[counts]).max(initial=0.0))


def cosines(want: Floats, got: Floats) -> Floats:
    """Cosine of the angle between each two finite rows; two zero rows are the same."""
    is_finite = np.isfinite(want).all(axis=1) & np.isfinite(got).all(axis=1)
    # Scaled first: squares of large float64 numbers overflow.
    want, got = (_unit_rows(side[is_finite]) for side in (want, got))
    is_zero = ~(want.any(axis=1) | got.any(axis=1))
    found: Floats = np.where(is_zero, 1.0, np.clip((want * got).sum(axis=1), -1.0, 1.0))
    return found


def _unit_rows(rows: Floats) -> Floats:
    largest = np.abs(rows).max(axis=1, initial=0.0)[:, None]
    scaled = rows / np.where(largest > 0, largest, 1.0)
    length = np.sqrt((scaled * scaled).sum(axis=1))[:, None]
    unit: Floats = scaled / np.where(length > 0, length, 1.0)
    return unit


def _as_floats(array: Array, rows: int) -> Floats:
    if array.dtype.kind == "c":
        array = np.stack([array.real, array.imag], axis=-1)
    floats: Floats = array.astype(np.float64)
    return floats.reshape(rows, floats.size // rows if rows else 0)


def _as_bytes(array: Array) -> NDArray[np.bytes_]:
    if array.dtype.kind == "S":
        return array
    encoded = [str(text).encode() if not isinstance(text, bytes) else text for text in array.flat]
    return np.array(encoded, np.bytes_).reshape(array.shape)


def _differ_text(want: Array, got: Array) -> Difference:
    is_same: NDArray[np.bool_] = want == got
    none = np.full(want.shape, EXACT.atol)
    return Difference(want, got, np.where(is_same, 0.0, inf), none, is_same)
