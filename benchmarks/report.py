"""A run as tables: aligned text for a terminal, Markdown for the README, data for JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from benchmarks.figures import Figure, best
from benchmarks.load import Load
from benchmarks.processes import Memory
from benchmarks.rounds import Series, ratio


@dataclass(frozen=True, slots=True)
class Table:
    """Cells as text; the first columns hold words, the others numbers.

    Attributes:
        title: Above it.
        header: Names of the columns.
        rows: As many cells as columns.
        words: How many columns hold words.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: int = 1


@dataclass(frozen=True, slots=True)
class Baseline:
    """Whom the others are compared with in one column.

    Attributes:
        title: The column's.
        names: Competitors; the fastest of them counts.
        is_loop: Whether it is an in-process limit, which knows no callers.
    """

    title: str
    names: tuple[str, ...]
    is_loop: bool = False


def series_table(
    title: str, workload: str, series: Sequence[Series], baselines: Sequence[Baseline]
) -> Table:
    """Medians of one workload's trials, by load, and the ratios to the baselines."""
    mine = [each for each in series if each.trial.workload == workload]
    header = (
        "callers", "competitor", "images/s", "p50 ms", "p99 ms", "server CPU us", "client CPU us",
        *(baseline.title for baseline in baselines), "others' CPU",
    )  # fmt: skip
    loads = list(dict.fromkeys(each.trial.load for each in mine))
    ordered = sorted(mine, key=lambda each: loads.index(each.trial.load))
    rows = tuple(_row(each, series, baselines) for each in ordered)
    return Table(title, header, rows, words=2)


def figures_table(figures: Sequence[Figure]) -> Table:
    """What the issue asks for and what came of it."""
    return Table(
        "Figures to reach",
        ("figure", "wanted", "measured", "verdict"),
        tuple(
            (
                each.text,
                f"{'<' if each.is_ceiling else '>='} {each.wanted:g} {each.unit}",
                "-"
                if each.got is None
                else f"{each.got:.{0 if each.unit == 'MB' else 2}f} {each.unit}",
                each.verdict,
            )
            for each in figures
        ),
    )


def memory_table(memory: Mapping[str, Sequence[Memory]]) -> Table:
    """Resident memory after the load, by service."""
    rows = tuple(
        (
            name,
            " + ".join(f"{process.megabytes:.0f}" for process in processes),
            f"{sum(process.megabytes for process in processes):.0f}",
        )
        for name, processes in memory.items()
    )
    return Table("Resident memory after the load", ("service", "MB, by process", "MB"), rows)


def to_text(table: Table) -> str:
    """The table with aligned columns."""
    lines = [table.header, *table.rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]

    def line(cells: Sequence[str]) -> str:
        aligned = [
            cell.ljust(width) if column < table.words else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return "  " + "  ".join(aligned).rstrip()

    rule = "  " + "  ".join("-" * width for width in widths)
    return "\n".join([table.title, "", line(table.header), rule, *map(line, table.rows), ""])


def to_markdown(table: Table) -> str:
    """The table for a README."""

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    rule = ["---" if column < table.words else "--:" for column in range(len(table.header))]
    rows = [line(table.header), line(rule), *map(line, table.rows)]
    return "\n".join([f"**{table.title}**", "", *rows, ""])


def series_data(series: Sequence[Series]) -> list[dict[str, object]]:
    """Every slice of every trial, for the JSON."""
    return [
        {
            "workload": each.trial.workload,
            "name": each.trial.name,
            "load": str(each.trial.load),
            "rows": each.trial.rows,
            "failure": each.failure,
            "slices": [asdict(slice_) | {"rate": slice_.rate} for slice_ in each.slices],
        }
        for each in series
    ]


def _row(
    series: Series, everybody: Sequence[Series], baselines: Sequence[Baseline]
) -> tuple[str, ...]:
    trial = series.trial
    load = str(trial.load)
    if series.failure:
        return (load, trial.name, "failed", *["-"] * (5 + len(baselines)))
    return (
        load,
        trial.name,
        f"{series.median('rate') * trial.rows:,.0f}",
        _three_digits(series.median("p50_ms")),
        _three_digits(series.median("p99_ms")),
        f"{series.median('server_cpu_us'):,.0f}",
        f"{series.median('client_cpu_us'):,.0f}" if trial.load.callers else "-",
        *(_ratio(series, everybody, baseline) for baseline in baselines),
        f"{series.median('foreign'):.0%}",
    )


def _ratio(series: Series, everybody: Sequence[Series], baseline: Baseline) -> str:
    at = Load(0) if baseline.is_loop else series.trial.load
    other = best(everybody, series.trial.workload, baseline.names, at)
    found = None if other is None else ratio(series, other)
    return "-" if found is None else _three_digits(found)


def _three_digits(number: float) -> str:
    decimals = 3 if number < 1 else 2 if number < 10 else 1 if number < 100 else 0
    return f"{number:,.{decimals}f}"
