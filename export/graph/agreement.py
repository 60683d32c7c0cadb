"""How well a transformed graph still answers: against the model it came from, and the truth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.graph.session import open_session, run
from export.tensors import Tensors

# An output that is no scores agrees where it is this near, as a share of its span.
_NEAR = 0.02
_ROWS = 16


def answers(graph: Any, inputs: Tensors, *, has_batch: bool) -> Mapping[str, NDArray[Any]]:
    """What *graph* (a model or a path) gives for all rows, a few at a time.

    Raises:
        ExportRefused: ONNX Runtime cannot load it.
    """
    session = open_session(graph)
    if not has_batch:
        return run(session, inputs)
    rows = len(next(iter(inputs.values())))
    parts = [
        run(session, {name: tensor[at : at + _ROWS] for name, tensor in inputs.items()})
        for at in range(0, rows, _ROWS)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def agreement(want: Tensors, got: Tensors) -> float:
    """Share of equal answers, of the output that agrees least: 0.0 to 1.0.

    For scores ``[N, K]`` an answer is a row's highest class; for other numbers a value within
    2 % of the output's span.  Missing outputs, other shapes and new NaN agree nowhere.
    """
    return min((_agreement(want[name], got.get(name)) for name in want), default=0.0)


def accuracy(scores: Tensors, labels: NDArray[np.integer[Any]]) -> float | None:
    """Share of rows whose highest class is the labelled one; None without scores ``[N, K]``."""
    for output in scores.values():
        if output.ndim == 2 and output.shape[1] > 1:
            return float((output.argmax(axis=1) == labels).mean())
    return None


def _agreement(want: NDArray[Any], got: NDArray[Any] | None) -> float:
    if got is None or got.shape != want.shape or not want.size:
        return 0.0
    if want.dtype.kind not in "fiu":
        return float((want == got).mean())
    before, after = want.astype(np.float64), got.astype(np.float64)
    finite = np.isfinite(before)
    if not np.isfinite(after[finite]).all():
        return 0.0
    if want.ndim == 2 and want.shape[1] > 1 and want.dtype.kind == "f":
        return float((before.argmax(axis=1) == after.argmax(axis=1)).mean())
    if not finite.any():
        return float(np.isclose(before, after, equal_nan=True).mean())
    span = float(np.ptp(before[finite]))
    return float(np.isclose(before, after, rtol=_NEAR, atol=_NEAR * span, equal_nan=True).mean())
