"""Whether a layer's output is one of a graph's tensors, in whatever layout it is kept there.

Converters transpose pictures to ``[N, C, H, W]`` and series to ``[T, N, F]``, and drop axes of
length one; the numbers stay.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.parity.difference import Floats
from export.parity.tolerance import Tolerance

_LAYOUTS: Mapping[int, tuple[tuple[int, ...], ...]] = {
    2: ((1, 0),),
    3: ((0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1)),
    4: ((0, 2, 3, 1), (0, 3, 1, 2), (0, 2, 1, 3), (2, 0, 1, 3), (1, 0, 2, 3)),
    5: ((0, 2, 3, 4, 1), (0, 4, 1, 2, 3)),
}
# Of the largest value: near-empty layers must not all look alike.
_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class Known:
    """A graph's tensor and what tells it from others at a glance.

    Attributes:
        name: The tensor's.
        values: float64.
        mean: Of the values.
        size: Mean of the absolute values.
    """

    name: str
    values: Floats
    mean: float
    size: float


def known(tensors: Mapping[str, NDArray[Any]]) -> dict[int, list[Known]]:
    """All numeric tensors, by how many numbers they have."""
    found: dict[int, list[Known]] = {}
    for name, tensor in tensors.items():
        if is_numeric(tensor) and tensor.size:
            values = tensor.astype(np.float64)
            mean, size = float(values.mean()), float(np.abs(values).mean())
            found.setdefault(values.size, []).append(Known(name, values, mean, size))
    return found


def is_numeric(tensor: NDArray[Any]) -> bool:
    """Whether it holds real numbers."""
    return tensor.dtype.kind in "fiub" or tensor.dtype.name == "bfloat16"


def is_telling(tensor: NDArray[Any]) -> bool:
    """Whether its values can be recognised: there are some, and not all are one."""
    return is_numeric(tensor) and tensor.size > 1 and bool((tensor != tensor.flat[0]).any())


def appearances(
    want: NDArray[Any], tensors: Mapping[int, list[Known]], tolerance: Tolerance
) -> set[str]:
    """Names of the tensors that hold *want*, in any layout."""
    reference = want.astype(np.float64)
    floor = _floor(reference, tolerance)
    # Values within the tolerance have means within it.
    mean, size = float(reference.mean()), float(np.abs(reference).mean())
    slack = floor + tolerance.rtol * size
    if tolerance.min_share < 1:
        slack = inf
    return {
        tensor.name
        for tensor in tensors.get(reference.size, ())
        if not (abs(tensor.mean - mean) > slack or abs(tensor.size - size) > slack)
        and any(
            np.isclose(laid, reference, rtol=tolerance.rtol, atol=floor, equal_nan=True).mean()
            >= tolerance.min_share
            for laid in _layouts(tensor.values, reference.shape)
        )
    }


def distance(want: NDArray[Any], tensor: NDArray[Any]) -> float:
    """The largest difference of the two in the layout where it is least; inf if there is none."""
    reference, candidate = want.astype(np.float64), tensor.astype(np.float64)
    if reference.size != candidate.size or not reference.size:
        return inf
    with np.errstate(invalid="ignore"):  # inf - inf
        found = [
            float(np.abs(laid - reference).max()) for laid in _layouts(candidate, reference.shape)
        ]
    return min((value for value in found if not np.isnan(value)), default=inf)


def _floor(reference: Floats, tolerance: Tolerance) -> float:
    finite = np.abs(reference[np.isfinite(reference)])
    largest = float(finite.max(initial=0.0))
    return max(min(tolerance.atol, _SHARE * largest), tolerance.span * largest)


def _layouts(tensor: Floats, shape: tuple[int, ...]) -> Iterator[Floats]:
    """*tensor* in every layout that fills *shape*."""
    yield tensor.reshape(shape)
    # Axes of length one say nothing, and hide which layout it is.
    bare = tuple(length for length in shape if length != 1)
    squeezed = tensor.squeeze()
    for layout in _LAYOUTS.get(squeezed.ndim, ()):
        laid = squeezed.transpose(layout)
        if laid.shape == bare or len(bare) != squeezed.ndim:
            yield laid.reshape(shape)
    if squeezed.ndim != tensor.ndim:
        for layout in _LAYOUTS.get(tensor.ndim, ()):
            yield tensor.transpose(layout).reshape(shape)
