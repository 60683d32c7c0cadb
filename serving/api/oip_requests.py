"""What Open Inference's requests have in common, over gRPC and over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from model_store.errors import InvalidRequest
from serving.api.calls import ModelRef, Tensor
from serving.api.oip_regions import decode_span
from serving.api.regions import Span

# Triton's levels: 1 is the most urgent.  A request that names none is of this one.
USUAL_LEVEL = 2
_MAX_MICROSECONDS = 2**63
_VERSION_DIGITS = 19


@dataclass(frozen=True, slots=True)
class InferOptions:
    """How a request wants to be run, and its answer to be given.

    Attributes:
        priority: 0 is usual; a higher one waits less.
        timeout_s: Seconds after which the answer is of no use; None for no limit.
        classes: How many of the best classes to give instead of the scores, by output.
        spans: Where in shared memory to put an output instead of into the answer, by output.
    """

    priority: int = 0
    timeout_s: float | None = None
    classes: Mapping[str, int] = field(default_factory=dict)
    spans: Mapping[str, Span] = field(default_factory=dict)


def decode_options(
    parameters: Mapping[str, object], outputs: Mapping[str, Mapping[str, object]]
) -> InferOptions:
    """Read a request's parameters and those of its outputs, by name; unknown ones do nothing.

    Raises:
        InvalidRequest: One of those that mean something has a wrong type or value.
    """
    if not parameters and not any(outputs.values()):
        return _USUAL
    if parameters.get("sequence_id") not in (None, 0, ""):
        raise InvalidRequest(
            "sequence_id: no model here keeps state between requests; "
            "leave sequence_id, sequence_start and sequence_end out"
        )
    level = _whole(parameters, "priority")
    timeout_us = _whole(parameters, "timeout")
    return InferOptions(
        USUAL_LEVEL - level if level else 0,
        timeout_us / 1e6 if timeout_us else None,
        {name: count for name, given in outputs.items() if (count := _class_count(name, given))},
        {name: span for name, given in outputs.items() if (span := _span(name, given))},
    )


_USUAL = InferOptions()


def _whole(parameters: Mapping[str, object], name: str) -> int:
    value = parameters.get(name, 0)
    if type(value) is not int or not 0 <= value < _MAX_MICROSECONDS:
        raise InvalidRequest(f"parameter '{name}' must be a whole number from 0, got {value!r}")
    return value


def _class_count(name: str, parameters: Mapping[str, object]) -> int:
    if "classification" not in parameters:
        return 0
    count = parameters["classification"]
    if type(count) is not int or count < 1:
        raise InvalidRequest(
            f"parameter 'classification' of output '{name}' must be a whole number from 1, "
            f"got {count!r}"
        )
    return count


def _span(name: str, parameters: Mapping[str, object]) -> Span | None:
    span = decode_span(parameters, f"output '{name}'")
    for other in ("binary_data", "classification"):
        # Triton's own client says of these that they are not binary.
        if span is not None and parameters.get(other, False) is not False:
            raise InvalidRequest(
                f"Output can't set both 'shared_memory_region' and '{other}'; '{name}' does"
            )
    return span


@lru_cache(maxsize=128)
def decode_model_ref(name: str, version: str) -> ModelRef:
    """Read which servable is asked for; an empty version is the live one.

    Raises:
        InvalidRequest: The version is not a positive integer.
    """
    if not version:
        return ModelRef(name)
    is_number = version.isascii() and version.isdigit() and len(version) <= _VERSION_DIGITS
    if not (is_number and 0 < int(version) < 2**63):
        raise InvalidRequest(
            f"failed to get model version from specified version string '{version}', "
            "version should be an integral value > 0"
        )
    return ModelRef(name, version=int(version))


def classify(scores: Tensor, count: int, labels: tuple[str, ...], *, is_batched: bool) -> Tensor:
    """The best classes of each row, as Triton writes them: ``score:index:label``.

    Args:
        scores: Numbers, ``[N, ...]`` or without a batch axis ``[...]``; axes after the
            first count as one.
        count: How many at most.
        labels: Class labels by index; may be fewer than there are classes.
        is_batched: Whether axis 0 is the batch axis.

    Returns:
        Byte strings, ``[N, count]`` or ``[count]``, the highest score first.

    Raises:
        InvalidRequest: The tensor holds strings.
    """
    if scores.dtype == np.object_:
        raise InvalidRequest("parameter 'classification' asks for classes of a string output")
    # Not reshape(n, -1): of no rows, numpy could not say how long they are.
    rows = scores.reshape(len(scores), int(np.prod(scores.shape[1:]))) if is_batched else None
    if rows is None:
        rows = scores.reshape(1, -1)
    order = np.argsort(-rows.astype(np.float64), axis=1, kind="stable")[:, :count]
    best = np.empty(order.shape, object)
    for (row, rank), index in np.ndenumerate(order):
        label = f":{labels[index]}" if index < len(labels) else ""
        best[row, rank] = f"{float(rows[row, index]):f}:{index}{label}".encode()
    return best if is_batched else best[0]
