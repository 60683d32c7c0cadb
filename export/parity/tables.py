"""The page's tables: every output at every batch size, and what it was compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from export.parity.drawing import histogram, scatter
from export.parity.evidence import Evidence
from export.parity.html import Html, element, joined
from export.parity.measure import OutputParity
from export.parity.report import ParityReport
from export.parity.words import NONE, TIMES, cosine, count, number, percent

_MAX_ENTRIES = 400


def output_sections(report: ParityReport, evidence: Evidence) -> list[Html]:
    """For each output a heading, both pictures and the table."""
    drawn = {output.name: output for output in evidence.outputs}
    parts = []
    for name in sorted({output.name for output in report.outputs}):
        entries = [output for output in report.outputs if output.name == name]
        parts.append(element("h2", "Output ", element("code", name)))
        if name in drawn:
            pictures = [
                element("div", element("h3", heading), picture, class_="card")
                for heading, picture in (
                    ("How far apart the numbers are", histogram(drawn[name])),
                    ("Exported over source, on the diagonal if equal", scatter(drawn[name])),
                )
            ]
            parts.append(element("div", *pictures, class_="pair"))
        parts.append(_table(entries))
    return parts


def _table(entries: Sequence[OutputParity]) -> Html:
    headings = (
        "inputs", "batch", "rows", "max abs", "max rel", "cosine", "top-1", "top-5", "beyond",
        "NaN", "",
    )  # fmt: skip
    lines = [element("tr", *(element("th", text) for text in headings))]
    for entry in entries[:_MAX_ENTRIES]:
        cells = (
            entry.case or "samples", str(entry.batch or NONE), count(entry.rows),
            number(entry.max_abs_error), number(entry.max_rel_error), cosine(entry.cosine_min),
            percent(entry.top1_agreement), percent(entry.top5_agreement), count(entry.beyond),
            count(entry.nan_source),
        ) if not entry.mismatch else (entry.case or "samples", str(entry.batch or NONE))  # fmt: skip
        row = [element("td", text) for text in cells]
        if entry.mismatch:
            row.append(element("td", entry.mismatch, class_="text", colspan=8))
        word = element("td", "equal" if entry.passed else "differs",
                       class_="yes" if entry.passed else "no")  # fmt: skip
        lines.append(element("tr", *row, word))
    return element("section", element("table", *lines), class_="card wide")


def details(report: ParityReport, facts: Mapping[str, str]) -> Html:
    """What the inputs were, the tolerance, *facts* and versions."""
    facts = {"inputs": report.samples, **facts}
    if report.seed is not None:
        facts["seed"] = str(report.seed)
    dtypes = sorted({o.dtype for o in report.outputs if o.dtype})
    for dtype in dtypes:
        rule = report.tolerance.of(dtype)
        facts[f"tolerance, {dtype}"] = (
            "must be equal"
            if rule.rtol == rule.atol == 0
            else f"{number(rule.atol)} + {number(rule.rtol)} {TIMES} |source|"
        )
    return joined(
        element("h2", "How it was compared, and with what"),
        element(
            "div",
            element("section", _pairs(facts), class_="card wide"),
            element("section", _pairs(dict(sorted(report.versions.items()))), class_="card wide"),
            class_="columns",
        ),
    )


def _pairs(values: Mapping[str, str]) -> Html:
    lines = [element("tr", element("td", key), element("td", text)) for key, text in values.items()]
    return element("table", *lines)
