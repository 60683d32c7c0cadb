"""Calls counted in buckets, cheaply.

A call leaves one tuple; the buckets are filled when somebody looks, many calls at a time.
That costs the event loop a tenth of what updating six histograms costs it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_SECONDS = (
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
    10.0, 30.0,
)  # fmt: skip
_ROWS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0)
_BYTES = tuple(float(4**power) for power in range(3, 14))


@dataclass(frozen=True, slots=True)
class Kind:
    """One histogram's name, what it counts, and its buckets' upper ends."""

    name: str
    help: str
    bounds: tuple[float, ...]


# In the order of ``Sample``.
KINDS = (
    Kind("easel_request_seconds", "From the whole request to the whole answer.", _SECONDS),
    Kind("easel_queue_seconds", "From the arrival in the queue to the start of the run.", _SECONDS),
    Kind("easel_compute_seconds", "The run in which the request was computed.", _SECONDS),
    Kind("easel_batch_rows", "Rows of that run, the request's own and others'.", _ROWS),
    Kind("easel_request_bytes", "Length of the request.", _BYTES),
    Kind("easel_response_bytes", "Length of the answer.", _BYTES),
)


class Labels(NamedTuple):
    """What tells one series from another.

    Attributes:
        model: Empty when no model of that name is served.
        version: The one that answered, in digits; empty when none did.
        protocol: ``tfs_grpc``, ``tfs_http``, ``oip_grpc``, ``oip_http`` or ``other``.
        code: The canonical status's name, such as ``OK``.
    """

    model: str
    version: str
    protocol: str
    code: str


class Sample(NamedTuple):
    """One finished call; what no model was run for is not a number."""

    seconds: float
    queue_s: float
    compute_s: float
    batch_rows: float
    request_bytes: float
    response_bytes: float


@dataclass(slots=True)
class Buckets:
    """A histogram: how many values up to each bound, how many beyond, and their sum."""

    counts: NDArray[np.int64]
    total: float = 0.0

    def add(self, values: NDArray[np.float64], bounds: tuple[float, ...]) -> None:
        """Count float64[N] *values*; those that are not numbers are left out."""
        values = values[~np.isnan(values)]
        places = np.searchsorted(bounds, values, side="left")
        self.counts += np.bincount(places, minlength=len(bounds) + 1)
        self.total += float(values.sum())


class Series:
    """All histograms of one set of labels."""

    MAX_PENDING = 4096

    def __init__(self) -> None:
        self._pending: list[Sample] = []
        self._buckets = tuple(Buckets(np.zeros(len(kind.bounds) + 1, np.int64)) for kind in KINDS)

    def add(self, sample: Sample) -> None:
        """Count one call."""
        self._pending.append(sample)
        if len(self._pending) >= self.MAX_PENDING:
            self.buckets()

    def buckets(self) -> tuple[Buckets, ...]:
        """The histograms by now, in the order of ``KINDS``."""
        if self._pending:
            columns = np.array(self._pending, np.float64).T
            self._pending.clear()
            for kind, buckets, values in zip(KINDS, self._buckets, columns, strict=True):
                buckets.add(values, kind.bounds)
        return self._buckets


class Histograms:
    """Every series.  Lives on one event loop."""

    def __init__(self) -> None:
        self._series: dict[Labels, Series] = {}

    def add(self, labels: Labels, sample: Sample) -> None:
        """Count one call."""
        series = self._series.get(labels)
        if series is None:
            series = self._series[labels] = Series()
        series.add(sample)

    def counts(self) -> dict[Labels, tuple[Buckets, ...]]:
        """The histograms of each series by now."""
        return {labels: series.buckets() for labels, series in self._series.items()}

    @property
    def series(self) -> Mapping[Labels, Series]:
        """By labels, in the order of their first call."""
        return self._series


def encode_counts(counts: Mapping[Labels, tuple[Buckets, ...]]) -> str:
    """Counts as JSON, for another process."""
    return json.dumps([
        [list(labels), [[each.counts.tolist(), each.total] for each in buckets]]
        for labels, buckets in counts.items()
    ])  # fmt: skip


def decode_counts(text: str) -> Mapping[Labels, tuple[Buckets, ...]]:
    """Read what ``encode_counts`` wrote.

    Raises:
        ValueError: It did not write that.
    """
    try:
        return {
            Labels(*labels): tuple(
                Buckets(_counts(counts, kind), float(total))
                for kind, (counts, total) in zip(KINDS, kinds, strict=True)
            )
            for labels, kinds in json.loads(text)
        }
    except (TypeError, RecursionError, OverflowError) as error:
        raise ValueError(f"these are no counts: {error}") from error


def _counts(counts: list[int], kind: Kind) -> NDArray[np.int64]:
    if len(counts) != len(kind.bounds) + 1:
        raise ValueError(f"{kind.name} has {len(kind.bounds) + 1} buckets, not {len(counts)}")
    return np.array(counts, np.int64)


def merged(
    parts: Iterable[Mapping[Labels, tuple[Buckets, ...]]],
) -> dict[Labels, tuple[Buckets, ...]]:
    """The sums of several processes' counts."""
    sums: dict[Labels, tuple[Buckets, ...]] = {}
    for part in parts:
        for labels, buckets in part.items():
            known = sums.get(labels)
            sums[labels] = buckets if known is None else tuple(map(_sum, known, buckets))
    return sums


def _sum(one: Buckets, other: Buckets) -> Buckets:
    return Buckets(one.counts + other.counts, one.total + other.total)
