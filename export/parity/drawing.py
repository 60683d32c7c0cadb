"""The two pictures of an output's errors, as SVG: how large they are, and where.

Colours and type come from the page's style sheet, by class, so that they follow light and
dark.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil, floor, log10

import numpy as np

from export.parity.evidence import BINS_PER_DECADE, DECADES, OutputEvidence
from export.parity.html import Html, element, joined
from export.parity.words import count, number, percent, power

WIDTH, HEIGHT = 460, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 12, 16, 40
# Between the bar of equal numbers and the others: room for both labels.
_APART = 42
_MAX_TICKS = 5


def histogram(output: OutputEvidence) -> Html:
    """How many numbers differ by how much: a bar for each quarter of a decade."""
    first, last = _span(output)
    counts = output.errors[first:last]
    bars = [output.equal, *counts.tolist(), *([output.unsayable] if output.unsayable else [])]
    total, tallest = max(sum(bars), 1), max(*bars, 1)
    slot = (WIDTH - _LEFT - _RIGHT - _APART) / len(bars)
    bottom = HEIGHT - _BOTTOM

    def place(at: int) -> float:
        """Left end of a bar; the one for equal numbers stands apart."""
        return _LEFT + slot * at + (_APART if at else 0.0)

    def bar(at: int, height: int) -> Html:
        is_bad = at == len(counts) + 1 or (at > 0 and output.beyond[first + at - 1] > 0)
        size = max((bottom - _TOP) * height / tallest, 1.5 if height else 0)
        kind = "bar equal" if at == 0 else ("bar beyond" if is_bad else "bar")
        return element(
            "rect", element("title", f"{count(height)} numbers"), class_=kind,
            x=_px(place(at) + 1), y=_px(bottom - size), width=_px(max(slot - 2, 1)),
            height=_px(size), rx=1.5,
        )  # fmt: skip

    drawn = [bar(at, height) for at, height in enumerate(bars)]
    marks = [_text(place(0) + slot / 2, bottom + 16, "equal")]
    for at in range(len(counts) + 1):
        exponent, is_between = divmod(first + at, BINS_PER_DECADE)
        if not is_between and (exponent + DECADES[0]) % _step(len(counts)) == 0:
            text = power(exponent + DECADES[0])
            marks.append(_text(place(at + 1), bottom + 16, text if first + at else f"≤ {text}"))
    if output.unsayable:
        marks.append(_text(place(len(bars) - 1) + slot / 2, bottom + 16, "∞"))
    marks += [
        _text(_LEFT - 6, _TOP + 8, percent(tallest / total), "end"),
        _text(_LEFT - 6, bottom, "0", "end"),
        _text((WIDTH + _LEFT) / 2, HEIGHT - 6, "absolute difference"),
    ]
    edge = (log10(output.atol) - DECADES[0]) * BINS_PER_DECADE - first if output.atol > 0 else -1
    if 0 <= edge <= len(counts):
        x = place(1) + slot * edge
        marks += [_line(x, _TOP - 6, x, bottom, "limit"), _beside(x, "absolute tolerance")]
    axis = _line(_LEFT, bottom, WIDTH - _RIGHT, bottom, "axis")
    return _picture(f"Absolute differences of {output.name}", *drawn, axis, *marks)


def scatter(output: OutputEvidence) -> Html:
    """The exported model's numbers over the source's: equal ones lie on the diagonal."""
    if not len(output.want):
        return _picture("No numbers", _text(WIDTH / 2, HEIGHT / 2, "no numbers to show"))
    both = np.concatenate([output.want, output.got])
    low, high = float(both.min()), float(both.max())
    margin = (high - low) * 0.04 or max(abs(high), 1.0) * 0.1
    low, high = low - margin, high + margin
    right, bottom = WIDTH - _RIGHT, HEIGHT - _BOTTOM

    def across(value: float) -> float:
        return _LEFT + (right - _LEFT) * (value - low) / (high - low)

    def up(value: float) -> float:
        return bottom - (bottom - _TOP) * (value - low) / (high - low)

    marks = []
    for tick in _ticks(low, high):
        marks += [
            _line(across(tick), _TOP, across(tick), bottom, "grid"),
            _line(_LEFT, up(tick), right, up(tick), "grid"),
            _text(across(tick), bottom + 16, number(tick)),
            _text(_LEFT - 6, up(tick) + 4, number(tick), "end"),
        ]
    dots = [
        element(
            "circle", cx=_px(across(want)), cy=_px(up(got)), r=3.2 if is_far else 2.4,
            class_="dot beyond" if is_far else "dot",
        )
        for want, got, is_far in zip(output.want, output.got, output.is_far, strict=True)
    ]  # fmt: skip
    return _picture(
        f"Source and exported numbers of {output.name}",
        *marks,
        _line(across(low), up(low), across(high), up(high), "diagonal"),
        *dots,
        _text((WIDTH + _LEFT) / 2, HEIGHT - 6, "source"),
        _text(_LEFT + 6, _TOP + 6, "exported", "start"),
    )


def _span(output: OutputEvidence) -> tuple[int, int]:
    """The bins to show: those with errors in them and the tolerance, in whole decades."""
    occupied = np.flatnonzero(output.errors)
    if output.atol > 0:
        edge = round((log10(output.atol) - DECADES[0]) * BINS_PER_DECADE)
        occupied = np.append(occupied, np.clip(edge, 0, len(output.errors) - 1))
    if not len(occupied):
        return 0, BINS_PER_DECADE
    decades = floor(occupied.min() / BINS_PER_DECADE), ceil((occupied.max() + 1) / BINS_PER_DECADE)
    return decades[0] * BINS_PER_DECADE, decades[1] * BINS_PER_DECADE


def _step(bins: int) -> int:
    """Decades between two that are labelled."""
    return 1 + bins // (BINS_PER_DECADE * 8)


def _ticks(low: float, high: float) -> Iterator[float]:
    """A few round numbers between the two."""
    raw = (high - low) / _MAX_TICKS
    unit = 10.0 ** floor(log10(raw))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= raw)
    for at in range(ceil(low / step), floor(high / step) + 1):
        yield at * step


def _picture(title: str, *parts: Html) -> Html:
    return element(
        "svg", element("title", title), joined(*parts), viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img"
    )


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Html:
    return element("line", x1=_px(x1), y1=_px(y1), x2=_px(x2), y2=_px(y2), class_=kind)


def _text(x: float, y: float, text: str, anchor: str = "middle") -> Html:
    return element("text", text, x=_px(x), y=_px(y), text_anchor=anchor)


def _beside(x: float, text: str) -> Html:
    """A word beside a vertical line, on the side where there is room."""
    is_left = x > WIDTH / 2
    return _text(x - 5 if is_left else x + 5, _TOP, text, "end" if is_left else "start")


def _px(value: float) -> str:
    return f"{value:.1f}"
