"""Prometheus' text becomes what the operations page draws.  Knows no network and no page.

Only what is needed is read: calls with their latency, and the states of versions.  Labels
that the page does not tell apart (a protocol, a process) are added up.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

Labels = Mapping[str, str]
_LABEL = re.compile(r'([A-Za-z_][A-Za-z0-9_]*)="((?:[^"\\]|\\.)*)",?')
_SAMPLE = re.compile(
    r"([A-Za-z_:][A-Za-z0-9_:]*)"
    r'(?:\{((?:[A-Za-z_][A-Za-z0-9_]*="(?:[^"\\]|\\.)*",?)*)\})?'
    r" ([^ ]+)(?: -?[0-9.]+)?$"
)
_ESCAPED = re.compile(r"\\(.)")
_ESCAPES = {"n": "\n"}


@dataclass(frozen=True, slots=True)
class Sample:
    """One line of the text."""

    name: str
    labels: Labels
    value: float


@dataclass(frozen=True, slots=True)
class Calls:
    """Calls of one kind since their server started.

    Attributes:
        key: The values of the labels that were asked for, in that order.
        counts: How many took how long: one number for each bound, and one for those above.
        sum_s: Seconds that all took together.
    """

    key: tuple[str, ...]
    counts: tuple[int, ...]
    sum_s: float


@dataclass(frozen=True, slots=True)
class Histogram:
    """All calls of a text, with the upper bounds in seconds that their counts have in common."""

    bounds_s: tuple[float, ...] = ()
    calls: tuple[Calls, ...] = ()


@dataclass
class _Sums:
    below: dict[float, float] = field(default_factory=lambda: defaultdict(float))
    sum_s: float = 0.0


def read_samples(text: str, names: Iterable[str]) -> Iterator[Sample]:
    """The samples whose name begins with one of *names*; lines of no known form are left out."""
    wanted = tuple(names)
    for line in text.split("\n"):
        if line.startswith(wanted) and (found := _SAMPLE.match(line)):
            name, labels, value = found.groups()
            number = _number(value)
            if number is not None:
                yield Sample(name, _labels(labels or ""), number)


def read_histogram(samples: Iterable[Sample], name: str, keys: Sequence[str]) -> Histogram:
    """The histogram *name*, told apart by the labels *keys* and added up over all others.

    Series whose bounds differ from the first one's are left out: they cannot be added.
    """
    sums: dict[tuple[str, ...], _Sums] = defaultdict(_Sums)
    for sample in samples:
        key = tuple(sample.labels.get(label, "") for label in keys)
        if sample.name == f"{name}_bucket":
            bound = _number(sample.labels.get("le", ""))
            if bound is not None:
                sums[key].below[bound] += sample.value
        elif sample.name == f"{name}_sum":
            sums[key].sum_s += sample.value
    bounds = tuple(sorted(next(iter(sums.values())).below)) if sums else ()
    return Histogram(
        tuple(bound for bound in bounds if bound != float("inf")),
        tuple(
            Calls(key, _apart([each.below[bound] for bound in bounds]), each.sum_s)
            for key, each in sums.items()
            if tuple(sorted(each.below)) == bounds
        ),
    )


def _apart(below: Sequence[float]) -> tuple[int, ...]:
    """Numbers of calls up to each bound become numbers between bounds, none negative."""
    before = [0.0, *below]
    return tuple(max(0, round(now - then)) for then, now in zip(before, below, strict=False))


def _labels(text: str) -> Labels:
    return {
        name: _ESCAPED.sub(lambda found: _ESCAPES.get(found[1], found[1]), value)
        for name, value in _LABEL.findall(text)
    }


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if value >= 0 else None  # NaN is neither
