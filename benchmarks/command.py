"""What the three commands have in common: flags, folders, tables, files."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.contenders import Bench
from benchmarks.figures import Figure
from benchmarks.load import require_h2load
from benchmarks.machine import facts, summary
from benchmarks.processes import ROOT, BenchError, Memory
from benchmarks.report import (
    Table,
    figures_table,
    memory_table,
    series_data,
    to_markdown,
    to_text,
)
from benchmarks.rounds import Effort, Patience, Series, Trial, run_rounds

_PATIENCE_S = 45.0
_QUICK_PATIENCE_S = 5.0


@dataclass(frozen=True, slots=True)
class Run:
    """What a comparison is given.

    Attributes:
        bench: Where things are.
        flags: The command's own flags.
        patience: Of the whole run.
    """

    bench: Bench
    flags: argparse.Namespace
    patience: Patience

    def measure(self, trials: Sequence[Trial], thorough: Effort, quick: Effort) -> list[Series]:
        """Measure *trials*, with the effort that was asked for."""
        effort = quick if self.flags.quick else thorough
        return run_rounds(trials, effort, self.patience, tell)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a comparison came to.

    Attributes:
        series: Every trial.
        tables: What a reader wants to see of them.
        memory: Processes of each service after its load.
        notes: What a reader must know, such as who was skipped.
        figures: Promises that were looked at.
    """

    series: list[Series]
    tables: list[Table]
    memory: Mapping[str, Sequence[Memory]]
    notes: list[str] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One of the commands.

    Attributes:
        program: As it is called.
        about: Its help.
        results: Name of the JSON file in ``build``.
        add_flags: Adds flags of its own.
        measure: Does it.
        may_fail: Whether a competitor that breaks is a result and not an error.
    """

    program: str
    about: str | None
    results: str
    add_flags: Callable[[argparse.ArgumentParser], None]
    measure: Callable[[Run], Outcome]
    may_fail: bool = False


def no_flags(parser: argparse.ArgumentParser) -> None:
    """For a command without flags of its own."""


def main(comparison: Comparison) -> int:
    """Measure and report; exit status 1 when something could not be measured rightly."""
    flags = _parser(comparison).parse_args()
    # So that an ended run ends its servers too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    machine = facts()
    try:
        require_h2load()
        with TemporaryDirectory(prefix="easel-bench-") as work:
            bench = Bench(flags.store.resolve(), Path(work))
            patience = Patience(_QUICK_PATIENCE_S if flags.quick else _PATIENCE_S)
            outcome = comparison.measure(Run(bench, flags, patience))
    except BenchError as error:
        print(f"{comparison.program}: {error}", file=sys.stderr)
        return 1
    tables = [*outcome.tables, memory_table(outcome.memory)]
    if outcome.figures:
        tables.append(figures_table(outcome.figures))
    failures = [
        f"{each.trial.name}, {each.trial.load} callers, failed: {each.failure}"
        for each in outcome.series
        if each.failure
    ]
    notes = [*outcome.notes, *failures]
    print(f"\n{summary(machine)}\n")
    print("\n".join(to_text(table) for table in tables))
    print("".join(f"note: {note}\n" for note in notes), flush=True)
    _write_json(flags.json, machine, outcome, notes)
    if flags.markdown:
        _write_markdown(flags.markdown, machine, tables, notes)
    return 1 if failures and not comparison.may_fail else 0


def tell(text: str) -> None:
    """Progress, apart from the results."""
    print(f"  {text}", file=sys.stderr, flush=True)


def _parser(comparison: Comparison) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=comparison.program, description=comparison.about)
    results = ROOT / "build" / comparison.results
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument("--store", type=Path, default=ROOT / "model_store/models", metavar="FOLDER")
    parser.add_argument("--json", type=Path, default=results, metavar="FILE")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="also write the tables here")
    comparison.add_flags(parser)
    return parser


def _write_json(
    path: Path, machine: Mapping[str, object], outcome: Outcome, notes: Sequence[str]
) -> None:
    data = {
        "machine": machine,
        "notes": notes,
        "figures": [asdict(each) | {"verdict": each.verdict} for each in outcome.figures],
        "memory_mb": {
            name: [process.megabytes for process in processes]
            for name, processes in outcome.memory.items()
        },
        "series": series_data(outcome.series),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data, indent=1) + "\n")
    print(f"written: {path}")


def _write_markdown(
    path: Path, machine: Mapping[str, object], tables: Sequence[Table], notes: Sequence[str]
) -> None:
    parts = [f"Measured on {summary(machine)}.\n", *(to_markdown(table) for table in tables)]
    if notes:
        parts.append("".join(f"- {note.splitlines()[0]}\n" for note in notes))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(parts))
    print(f"written: {path}")
