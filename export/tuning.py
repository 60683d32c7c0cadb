"""The converted and proven graph replaced by a faster or smaller form, if one was wanted and wins.

Parity is proven on the float graph; what replaces it is held to the margins of
``export.graph.trials`` instead, and the version's golden outputs must be its own.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from export.graph.agreement import answers
from export.graph.choice import Workbench, choose
from export.graph.stopwatch import InTurns, Stopwatch
from export.graph.trials import Choice, Evidence, Margins, Wants
from export.sources.source import GRAPH_FILE
from export.tensors import Tensors


def tune(
    folder: Path,
    evidence: Evidence,
    wants: Wants,
    margins: Margins,
    step: Callable[[str], None],
    *,
    stopwatch: Stopwatch | None = None,
) -> Choice:
    """Try what is wanted on ``folder/model.onnx`` and put the winner in its place.

    Args:
        folder: The version that is being made.
        evidence: All samples with the source's answers.
        wants: What to try.
        margins: What a candidate must win by.
        step: Told what is being done.
        stopwatch: The machine's own if none is given.

    Raises:
        ExportRefused: ONNX Runtime cannot load the graph.
    """
    graph = folder / GRAPH_FILE
    # Beside the version and not in it: whatever lies there is published.
    with tempfile.TemporaryDirectory(prefix="easel-tuning-") as work:
        bench = Workbench(Path(work), stopwatch or InTurns(), step)
        choice = choose(graph, evidence, wants, margins, bench)
        if choice.path != graph:
            shutil.copyfile(choice.path, graph)
            for weights in folder.glob(f"{GRAPH_FILE}.data"):  # of the float graph
                weights.unlink()
    return Choice(graph, choice.trials, choice.notes)


def own_answers(folder: Path, inputs: Tensors, *, has_batch: bool) -> Tensors:
    """What the graph in *folder* gives: the golden outputs of a version that was tuned."""
    return answers(folder / GRAPH_FILE, inputs, has_batch=has_batch)
