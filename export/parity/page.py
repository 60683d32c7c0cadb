"""``parity.html``: the proof for people, in one file that fetches nothing and runs nothing.

Everything that comes from outside (labels, names, messages) is escaped by
``export.parity.html``, and the page forbids itself scripts and connections besides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from math import inf
from pathlib import Path

from export.parity.answers import row_card
from export.parity.evidence import Evidence
from export.parity.html import Html, element, joined
from export.parity.measure import OutputParity
from export.parity.report import Divergence, ParityReport
from export.parity.tables import details, output_sections
from export.parity.words import NONE, TIMES, cosine, count, number, of_tolerance, percent

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_MAX_ENTRIES = 400


@dataclass(frozen=True, slots=True)
class About:
    """What the page is about.

    Attributes:
        title: The model's name, and its version if it has one: ``numbers/3``.
        source: The file that was exported.
        labels: Class labels in the order of the scores; may be empty.
        facts: More for people, by what it is: the route, the date, the licence.
    """

    title: str = "model"
    source: str = ""
    labels: tuple[str, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)


def write_html(report: ParityReport, evidence: Evidence, path: Path, about: About) -> None:
    """Write the page, for a passed report or a failed one.

    Args:
        report: The same that becomes ``parity.json``.
        evidence: Gathered while it was made.
        path: The file to write.
        about: What it is about.
    """
    path.write_text(to_html(report, evidence, about), encoding="utf-8")


def to_html(report: ParityReport, evidence: Evidence, about: About) -> str:
    """The page as text."""
    style = Html(files("export.parity").joinpath("page.css").read_text("utf-8"))
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", f"{about.title}: parity"),
        element("style", style),
    )
    body = element(
        "main",
        _header(about),
        _verdict(report),
        _tiles(report, evidence),
        _divergence(report.divergence),
        _notes(report.notes),
        *output_sections(report, evidence),
        _rows(evidence, about),
        details(report, about.facts),
        _footer(),
    )
    return "<!doctype html>\n" + element("html", head, element("body", body), lang="en") + "\n"


def _header(about: About) -> Html:
    source = joined("Exported from ", element("code", about.source)) if about.source else ""
    return element(
        "header",
        element("div", "Easel · parity report", class_="kicker"),
        element("h1", about.title),
        element("div", source, class_="soft"),
    )


def _verdict(report: ParityReport) -> Html:
    rows, elements = _rows_and_numbers(report)
    if report.passed:
        title = "The exported model equals its source"
        text = (
            f"All {elements} numbers in {rows} answers agree; the largest difference is "
            f"{number(report.max_abs_error)}."
        )
    else:
        title, text = "The exported model does not equal its source", _difference(report)
    return element(
        "section",
        element("div", "✓" if report.passed else "✗", class_="mark"),
        element("div", element("strong", title), text),
        class_=f"card verdict {'good' if report.passed else 'bad'}",
    )


def _difference(report: ParityReport) -> str:
    """What is wrong, in one sentence."""
    failed = [output for output in report.outputs if not output.passed]
    if not failed:
        return "There was nothing to compare."
    worst = max(failed, key=lambda output: (bool(output.mismatch), output.max_abs_error))
    where = f"Output {worst.name}{_at(worst)}"
    if worst.mismatch:
        return f"{where}: {worst.mismatch}."
    if worst.beyond:
        return (
            f"{where}: {count(worst.beyond)} of {count(worst.elements)} numbers are beyond the "
            f"tolerance; the largest difference is {number(worst.max_abs_error)}."
        )
    return f"{where}: another class has the highest score in some rows."


def _at(output: OutputParity) -> str:
    parts = [] if output.batch is None else [f" at batch {output.batch}"]
    return "".join([*parts, f" ({output.case})" if output.case else ""])


def _rows_and_numbers(report: ParityReport) -> tuple[str, str]:
    names = {output.name for output in report.outputs}
    rows = max((sum(o.rows for o in report.outputs if o.name == name) for name in names), default=0)
    return count(rows), count(sum(output.elements for output in report.outputs))


def _tiles(report: ParityReport, evidence: Evidence) -> Html:
    top1 = [o.top1_agreement for o in report.outputs if o.top1_agreement is not None]
    angles = [o.cosine_min for o in report.outputs if o.cosine_min is not None]
    batches = sorted({o.batch for o in report.outputs if o.batch is not None})
    shown = [
        (number(report.max_abs_error), "largest difference"),
        of_tolerance(evidence.excess),
        (percent(min(top1)) if top1 else NONE, "same winner (top-1)"),
        (cosine(min(angles)) if angles else NONE, "smallest cosine"),
        (", ".join(map(str, batches)) or "none", "batch sizes"),
    ]
    return element(
        "section",
        *(
            element("div", element("b", value), element("span", text), class_="card tile")
            for value, text in shown
        ),
        class_="tiles",
    )


def _divergence(divergence: Divergence | None) -> Html:
    if divergence is None:
        return joined()
    steps = [
        element(
            "div", element("span", "equal up to", class_="soft"),
            element("b", divergence.last_equal or "the inputs"), class_="step",
        ),
        element("div", "→", class_="arrow"),
        element(
            "div", element("span", "first other layer", class_="soft"),
            element("b", divergence.layer), class_="step bad",
        ),
    ]  # fmt: skip
    node = element("code", divergence.node or divergence.tensor)
    text = [
        joined("In the graph that is ", element("b", divergence.op_type), " ", node)
        if divergence.op_type
        else "",
        f", by way of {' → '.join(divergence.operations)}"
        if len(divergence.operations) > 1
        else "",
        f". It is off by {number(divergence.max_abs_error)}."
        if divergence.max_abs_error < inf
        else ".",
    ]
    return joined(
        element("h2", "Where it goes another way"),
        element(
            "section",
            element("div", *steps, class_="path"),
            element("p", *text if divergence.op_type else ()),
            class_="card",
        ),
    )


def _notes(notes: tuple[str, ...]) -> Html:
    if not notes:
        return joined()
    listed = element("ul", *(element("li", note) for note in notes))
    return joined(element("h2", "Good to know"), element("section", listed, class_="card"))


def _rows(evidence: Evidence, about: About) -> Html:
    if not evidence.rows:
        return joined()
    legend = element(
        "div",
        element("span", element("i"), "source"),
        element("span", element("i", class_="exported"), "exported"),
        class_="legend",
    )
    cards = [row_card(row, about.labels) for row in evidence.rows]
    return joined(
        element("h2", "The inputs where they differ most"),
        legend,
        element("section", *cards, class_="rows"),
    )


def _footer() -> Html:
    return element(
        "footer",
        "Made by Easel. The same numbers, for machines, are in parity.json beside this page. "
        f"An element agrees if |exported - source| ≤ absolute + relative {TIMES} |source|; beside "
        "larger numbers in its row, rounding in proportion to them is allowed too.",
    )
