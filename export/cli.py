"""``easel export``: a source model in, a verified version out, told step by step."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, get_args

from rich.console import Console
from rich.table import Table

from export.request import ExportRequest, read_request
from export.sniff import KERAS_3, sniff
from model_store.contract import Fit, Mode, Resize
from model_store.errors import EaselError
from model_store.store import Store, check_name

if TYPE_CHECKING:  # importing these for real imports a framework
    from export.keras_source import KerasSource
    from export.publish import Exported

Step = Callable[[str], None]

# The frameworks are large: each is imported when a source needs it, and not before.
SOURCES = {KERAS_3: "export.keras_source"}


def main(arguments: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    flags = _parser().parse_args(arguments)
    check_name(flags.name)
    # Progress goes to standard error, so that --json is alone on standard output.
    with _hushed() as terminal, _steps(Console(file=terminal, highlight=False)) as step:
        step(f"looking at {flags.source.name}")
        kind = sniff(flags.source)
        request = read_request(flags)
        step(f"loading {flags.source.name} ({kind})")
        source = import_module(SOURCES[kind]).load(flags.source)
        exported = import_module("export.publish").export(request, source, Store(flags.store), step)
    if flags.json:
        print(
            json.dumps(
                {
                    "model": exported.model.name,
                    "version": exported.model.number,
                    "folder": str(exported.folder),
                    "parity": exported.parity.to_json(),
                }
            )
        )
    else:
        _show(exported, source, request)
    return 0


def _show(exported: Exported, source: KerasSource, request: ExportRequest) -> None:
    out = Console(highlight=False)
    contract = request.contract
    out.print(f"\n[bold green]{exported.model}[/] published in {exported.folder}\n")
    facts = Table.grid(padding=(0, 2))
    facts.add_row("model", f"{source.parameters:,} parameters, {exported.graph_bytes:,} bytes ONNX")
    facts.add_row("input", f"{contract.tensor}: uint8[N, {', '.join(map(str, contract.shape))}]")
    facts.add_row("classes", ", ".join(request.labels[:12]) or "no labels")
    facts.add_row("samples", f"{len(request.samples)} ({exported.parity.samples})")
    out.print(facts)
    table = Table(title="parity with the source model", title_justify="left")
    for heading in ("output", "batch", "rows", "max abs difference", "top-1 agreement", ""):
        table.add_column(heading, justify="left" if heading in ("output", "") else "right")
    for output in exported.parity.outputs:
        top1 = "-" if output.top1_agreement is None else f"{output.top1_agreement:.2%}"
        table.add_row(
            output.name, str(output.batch), str(output.rows),
            f"{output.max_abs_error:.2e}", top1, "[green]equal[/]",
        )  # fmt: skip
    out.print(table)


@contextmanager
def _hushed() -> Iterator[TextIO]:
    """Hold back what the frameworks' C++ writes to standard error; show it if they fail.

    Yields:
        Standard error as it was, for what is to be seen.
    """
    try:
        descriptor = sys.stderr.fileno()
    except OSError:  # replaced by an object, as in a notebook: nothing can be held back
        yield sys.stderr
        return
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held, os.fdopen(os.dup(descriptor), "w") as terminal:
        os.dup2(held.fileno(), descriptor)
        try:
            yield terminal
        except EaselError:
            raise
        except BaseException:
            held.seek(0)
            terminal.write(held.read().decode(errors="replace"))
            raise
        finally:
            os.dup2(terminal.fileno(), descriptor)


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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="easel export", description="Convert a model, prove it equal, publish a version."
    )
    add = parser.add_argument
    add("source", type=Path, help="a Keras 3 .keras or .h5 file")
    add("--name", required=True, help="the model's name in the store")
    add("--store", type=Path, default=Path("model_store/models"), help="folder of the store")
    add("--labels", type=Path, help="class names, one a line, in the order of the scores")
    add("--samples", type=Path, help="folder of pictures, or .npz with the input tensor")
    add("--tag", default="", help="a human name for this version")
    add("--to", choices=["onnx"], default="onnx", help="target format")
    add("--json", action="store_true", help="print the result as JSON")
    contract = parser.add_argument_group("input contract")
    add = contract.add_argument
    add("--input-contract", type=Path, help="JSON file; replaces the flags below")
    add("--size", default="224", help="side in pixels, or HEIGHTxWIDTH")
    add("--mode", choices=get_args(Mode), default="RGB", help="grey (L) or colour")
    add("--background", type=int, default=255, help="grey value of the paper, 0 to 255")
    add("--resize", choices=get_args(Resize), default="bilinear", help="resampling filter")
    add("--fit", choices=get_args(Fit), default="stretch", help="for other aspect ratios")
    add("--invert", action="store_true", help="the model wants light ink on black")
    add("--ink-box", type=int, help="cut to the ink and centre it in a box of this many pixels")
    scaling = parser.add_argument_group("scaling, put into the graph")
    scaling.add_argument("--scale", default="1", help="factor for a pixel, such as 1/255")
    scaling.add_argument("--offset", default="0", help="added after the factor, such as -1")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
