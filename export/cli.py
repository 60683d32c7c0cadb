"""``easel export``: a source model in, a verified version out, told step by step."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from export.exporter import export
from export.flags import make_parser
from export.graph.trials import table_of
from export.parity.measure import OutputParity
from export.publish import Published
from export.request import read_request
from model_store.opening import open_seal, open_store
from model_store.ports import ModelStore
from model_store.store import check_name, leave_open

Step = Callable[[str], None]


def main(arguments: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    flags = make_parser().parse_args(arguments)
    check_name(flags.name)
    store = open_store(flags.store)
    seal = open_seal(flags.sign_key) if flags.sign_key else leave_open
    # Progress goes to standard error, so that --json is alone on standard output.
    with _steps(Console(file=sys.stderr, highlight=False)) as step:
        published = export(read_request(flags), store, step, seal)
    if flags.json:
        print(json.dumps(_to_json(published, store)))
    else:
        _show(published, store)
    return 0


def _to_json(published: Published, store: ModelStore) -> dict[str, Any]:
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


def _show(published: Published, store: ModelStore) -> None:
    out = Console(highlight=False)
    findings = published.findings
    place = escape(store.place(published.model))
    out.print(f"\n[bold green]{published.model}[/] published in {place}\n")
    facts = Table.grid(padding=(0, 2))
    for name, text in _facts(published):
        facts.add_row(name, escape(text))
    out.print(facts)
    table = Table(title="parity with the source model", title_justify="left")
    for heading in ("output", "batch", "rows", "max abs difference", "top-1 agreement", ""):
        table.add_column(heading, justify="left" if heading in ("output", "") else "right")
    for output in findings.report.outputs:
        table.add_row(*_row(output))
    out.print(table)
    if findings.choice is not None:
        out.print(table_of(findings.choice))
    for note in findings.notes:
        out.print(f"[yellow]note[/]  {escape(note)}")


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


@contextmanager
def _steps(console: Console) -> Iterator[Step]:
    """Show each step while it runs and how long it took; plain lines off a terminal."""
    begun = time.perf_counter()
    current = ""

    def finish(mark: str) -> None:
        if current:
            console.print(f"{mark} {current} [dim]{time.perf_counter() - begun:.1f} s[/]")

    with console.status("") as status:

        def step(text: str) -> None:
            nonlocal current, begun
            finish("[green]done[/]")
            current, begun = text, time.perf_counter()
            status.update(text)

        try:
            yield step
        except BaseException:
            finish("[red]failed[/]")
            raise
        finish("[green]done[/]")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
