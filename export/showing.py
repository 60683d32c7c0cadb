"""What came of an export, for people and for scripts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from export.archiving import Archived
from export.graph.trials import table_of
from export.parity.measure import OutputParity
from export.parity.report import ParityReport
from export.publish import Published
from model_store.ports import ModelStore


def to_json(published: Published, store: ModelStore) -> dict[str, Any]:
    """The object of ``--json``."""
    choice = published.findings.choice
    return {
        "model": published.model.name,
        "version": published.model.number,
        "folder": store.place(published.model),
        "route": published.findings.description.route,
        "notes": list(published.findings.notes),
        "parity": published.findings.report.to_json(),
        "trials": choice.to_json()["trials"] if choice else [],
    }


def show(published: Published, store: ModelStore) -> None:
    """What was published, and how equal it is, on standard output."""
    out = Console(highlight=False)
    findings = published.findings
    place = escape(store.place(published.model))
    out.print(f"\n[bold green]{published.model}[/] published in {place}\n")
    facts = Table.grid(padding=(0, 2))
    for name, text in _facts(published):
        facts.add_row(name, escape(text))
    out.print(facts)
    out.print(_table(findings.report))
    if findings.choice is not None:
        out.print(table_of(findings.choice))
    for note in findings.notes:
        out.print(f"[yellow]note[/]  {escape(note)}")


def show_archive(archived: Archived, *, is_json: bool) -> None:
    """The same for a TorchServe archive."""
    report = archived.proven.proof.report
    if is_json:
        said = {"model": archived.model.name, "version": archived.model.number}
        print(json.dumps(said | {"archive": str(archived.path), "parity": report.to_json()}))
        return
    out = Console(highlight=False)
    out.print(f"\n[bold green]{archived.model}[/] archived in {escape(str(archived.path))}\n")
    out.print(_table(report))
    for note in (*archived.held.source.describe().notes, *report.notes):
        out.print(f"[yellow]note[/]  {escape(note)}")


def _table(report: ParityReport) -> Table:
    table = Table(title="parity with the source model", title_justify="left")
    for heading in ("output", "batch", "rows", "max abs difference", "top-1 agreement", ""):
        table.add_column(heading, justify="left" if heading in ("output", "") else "right")
    for output in report.outputs:
        table.add_row(*_row(output))
    return table


def _facts(published: Published) -> Iterator[tuple[str, str]]:
    findings = published.findings
    sizes = ", ".join(
        f"{name} {digest.bytes:,} bytes"
        for name, digest in published.files.items()
        if name.endswith((".onnx", ".pb"))
    )
    yield "route", findings.description.route
    yield "model", f"{findings.description.parameters:,} parameters, {sizes}"
    yield "input", "; ".join(str(spec) for spec in findings.held.wire.inputs)
    yield "output", "; ".join(str(spec) for spec in findings.held.wire.own.outputs)
    yield "classes", ", ".join(published.labels[:12]) or "no labels"
    yield "samples", findings.report.samples


def _row(output: OutputParity) -> tuple[str, ...]:
    top1 = "-" if output.top1_agreement is None else f"{output.top1_agreement:.2%}"
    name = f"{output.name} ({output.case})" if output.case else output.name
    batch = "-" if output.batch is None else str(output.batch)
    verdict = "[green]equal[/]" if output.passed else "[red]differs[/]"
    return escape(name), batch, str(output.rows), f"{output.max_abs_error:.2e}", top1, verdict
