"""Numbers as people read them: ``5.4 x 10⁻⁷`` with a real sign, ``99.98 %``, ``14,560``."""

from __future__ import annotations

from math import floor, isfinite, isnan, log10

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
NONE = "\N{EN DASH}"
TIMES = "\N{MULTIPLICATION SIGN}"


def number(value: float | None, digits: int = 3) -> str:
    """A number with *digits* significant figures; powers of ten where it is very small or large."""
    if value is None or isnan(value):
        return NONE if value is None else "NaN"
    if not isfinite(value):
        return "∞" if value > 0 else "-∞"
    if value == 0 or 1e-3 <= abs(value) < 1e6:
        return f"{value:,.{digits}g}" if abs(value) < 1000 else f"{value:,.0f}"
    mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
    return f"{mantissa} {TIMES} {power(int(exponent))}"


def power(exponent: int) -> str:
    """``10⁻⁷``."""
    return "10" + str(exponent).translate(_RAISED)


def percent(share: float | None) -> str:
    """``99.98 %``; never rounded up to 100."""
    if share is None:
        return NONE
    if 0 < share < 1e-4:
        return "< 0.01 %"
    hundredths = share * 1e4 + 1e-7
    return f"{floor(hundredths) / 100:.4g} %"


def of_tolerance(excess: float) -> tuple[str, str]:
    """A difference in tolerances: ``1.1 %`` and ``of the tolerance``, or ``18 x`` and ``the``."""
    if not isfinite(excess):
        return "beyond", "any tolerance"
    if excess <= 1:
        return f"{100 * excess:.2g} %", "of the tolerance"
    return f"{number(excess, 2)} {TIMES}", "the tolerance"


def count(value: int) -> str:
    """``14,560``."""
    return f"{value:,}"


def cosine(value: float | None) -> str:
    """A cosine near one by how far it is from it."""
    if value is None:
        return NONE
    gap = 1 - value
    if gap <= 1e-12:
        return "1"
    return f"1 - {power(round(log10(gap)))}" if gap < 1e-4 else f"{value:.4f}"
