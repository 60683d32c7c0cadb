"""How far an exported output may be from its source's, by dtype.

The rule is ``numpy.isclose``'s: an element agrees if

    |got - want| <= allowed + rtol * |want|,   allowed = max(atol, span * largest |want| in its row)

``span`` is there because arithmetic rounds in proportion to the largest numbers it sums:
the score beside a logit of 60 cannot be exact to 1e-5, and a probability can.  With
``span`` 0 the rule is ``numpy.isclose(got, want, rtol, atol)`` to the letter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What counts as equal for one dtype.

    Attributes:
        rtol: Allowed difference as a share of the wanted value.
        atol: Allowed difference beside it.
        span: Allowed difference as a share of the largest value in the row, if that is more.
        min_share: Share of the elements that must agree.
        min_top1: Share of the rows whose highest score must be the same one.
    """

    rtol: float = 1e-4
    atol: float = 1e-5
    span: float = 0.0
    min_share: float = 1.0
    min_top1: float = 1.0

    def widened(self, factor: float) -> Tolerance:
        """The same with *factor* times the allowed difference."""
        return replace(
            self, rtol=self.rtol * factor, atol=self.atol * factor, span=self.span * factor
        )


EXACT = Tolerance(rtol=0.0, atol=0.0)


@dataclass(frozen=True, slots=True)
class Tolerances:
    """A tolerance for each dtype.

    Attributes:
        name: What it is called in reports.
        by_dtype: By numpy's name.
        other: For every dtype that is not named: integers, booleans, strings.
    """

    name: str
    by_dtype: Mapping[str, Tolerance] = field(default_factory=dict)
    other: Tolerance = EXACT

    def of(self, dtype: str) -> Tolerance:
        """The tolerance for outputs of *dtype*."""
        return self.by_dtype.get(dtype, self.other)

    def widened(self, factor: float) -> Tolerances:
        """The same with *factor* times the allowed differences."""
        named = {dtype: rule.widened(factor) for dtype, rule in self.by_dtype.items()}
        return Tolerances(self.name, named, self.other.widened(factor))

    def to_json(self) -> dict[str, Any]:
        """The object in ``parity.json``."""
        named = {dtype: asdict(self.by_dtype[dtype]) for dtype in sorted(self.by_dtype)}
        return {"name": self.name, **named, "other": asdict(self.other)}


# Each is some hundred roundings of its dtype: more than a deep network adds up (MobileNetV2 on
# noise: 1e-5 of its largest logit), and less than any real change.
STANDARD = Tolerances(
    "standard",
    {
        "float64": Tolerance(rtol=1e-6, atol=1e-8, span=1e-8),
        "float32": Tolerance(rtol=1e-4, atol=1e-5, span=5e-5),
        "float16": Tolerance(rtol=1e-2, atol=2e-3, span=1e-2),
        "bfloat16": Tolerance(rtol=5e-2, atol=2e-2, span=5e-2),
    },
)

_QUANTISED = Tolerance(rtol=0.1, atol=0.05, span=0.05, min_share=0.9, min_top1=0.95)

# For graphs with 8-bit weights, whose real judge is their accuracy on the samples.
LOOSE = Tolerances(
    "loose",
    dict.fromkeys(("float64", "float32", "float16", "bfloat16"), _QUANTISED)
    | dict.fromkeys(("int8", "uint8"), Tolerance(rtol=0.0, atol=1.0)),
    Tolerance(rtol=0.0, atol=0.0, min_share=0.9),
)


def everywhere(tolerance: Tolerance) -> Tolerances:
    """One tolerance for every dtype that has fractions; the others must be equal."""
    return Tolerances("custom", dict.fromkeys(STANDARD.by_dtype, tolerance))


def from_json(value: Mapping[str, Any]) -> Tolerances:
    """Read what :meth:`Tolerances.to_json` wrote, or the bare pair of a first report.

    Raises:
        TypeError, LookupError, AttributeError: It is no such object.
    """
    if "rtol" in value:
        return everywhere(Tolerance(**value))
    named = {name: Tolerance(**value[name]) for name in value if name not in ("name", "other")}
    return Tolerances(value["name"], named, Tolerance(**value["other"]))
