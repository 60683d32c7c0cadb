"""A faster or smaller form of the proven graph, if the author asked and it wins what it must."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from export.convert import opened_onnx
from export.graph.choice import Workbench, choose
from export.graph.stopwatch import InTurns, Stopwatch
from export.graph.trials import FLOAT, OPTIMIZED, Choice, Evidence
from export.parity.tolerance import LOOSE, STANDARD
from export.proving import Held, Proven, prove
from export.request import ExportRequest
from export.sources.source import GRAPH_FILE, WEIGHTS_FILE


def refine(
    request: ExportRequest,
    held: Held,
    proven: Proven,
    folder: Path,
    step: Callable[[str], None],
    *,
    stopwatch: Stopwatch | None = None,
) -> tuple[Proven, Choice | None]:
    """Try what was asked for; the float graph stays in *folder* unless it is beaten.

    Args:
        request: What was asked for.
        held: The source.
        proven: The float graph.
        folder: Where it is, and where its successor goes.
        step: Told what is being done.
        stopwatch: Measures; None for the usual one.

    Raises:
        ExportRefused: The chosen form is not its source within the wider tolerance.
    """
    if not request.wants.any or proven.candidate.graph is None:
        return proven, None
    with tempfile.TemporaryDirectory(prefix="easel-refining-") as work:
        # Beside the version and not in it: whatever lies there is published.
        bench = Workbench(Path(work), stopwatch or InTurns(), step)
        evidence = _evidence(held, proven)
        choice = choose(proven.candidate.graph, evidence, request.wants, request.margins, bench)
        if choice.chosen.candidate == FLOAT:
            return proven, choice
        step(f"proving the {choice.chosen.candidate} graph")
        first = proven.candidate
        tolerances = STANDARD if choice.chosen.candidate == OPTIMIZED else LOOSE
        better = opened_onnx(choice.path, first.signatures, first.notes)
        again = prove(request, held, better, tolerances)
        graph = shutil.copyfile(choice.path, folder / GRAPH_FILE)
        (folder / WEIGHTS_FILE).unlink(missing_ok=True)  # of the float graph
    return replace(again, candidate=replace(better, graph=graph)), replace(choice, path=graph)


def _evidence(held: Held, proven: Proven) -> Evidence:
    """All samples, and the source's own answers to them."""
    inputs, outputs = held.golden
    has_batch = False
    if held.trials.groups:
        group = held.trials.groups[0]
        has_batch = bool(group.batches)
        inputs, outputs = group.inputs, held.wire.reference(held.source)(group.inputs)
    return Evidence(
        samples=inputs,
        reference=outputs,
        labels=held.classes,
        are_random=held.trials.seed is not None,
        has_batch=has_batch and proven.proof.is_row_wise,
    )
