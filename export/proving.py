"""An exported model held against its source; a difference is refused, and its report kept."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from export.convert import Candidate
from export.kinds import Kind
from export.parity.divergence import Witness, find_divergence
from export.parity.page import About, write_html
from export.parity.proof import Proof, prove_on
from export.parity.report import Divergence, ParityReport, write_report
from export.parity.tolerance import STANDARD, Tolerances
from export.parity.trials import Trials
from export.request import ExportRequest
from export.tensors import Tensors
from export.wire import Wire
from export.workshop.client import HeldSource
from model_store.errors import ExportRefused

PARITY_FILE, PAGE_FILE = "parity.json", "parity.html"


@dataclass(frozen=True, slots=True)
class Held:
    """A loaded source, and what is known of it before anything is made of it.

    Attributes:
        kind: What it is.
        source: The source in its process.
        wire: What travels.
        trials: What both models are run on.
        golden: The first of it, and what the source gives for it.
        classes: The right class of each of the author's samples; None if nobody knows.
        notes: What a person should know of.
    """

    kind: Kind
    source: HeldSource
    wire: Wire
    trials: Trials
    golden: tuple[Tensors, Tensors]
    classes: NDArray[Any] | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Proven:
    """An exported model and the proof that it is its source."""

    candidate: Candidate
    proof: Proof


def prove(
    request: ExportRequest, held: Held, candidate: Candidate, tolerances: Tolerances = STANDARD
) -> Proven:
    """Compare on all trials.

    Raises:
        ExportRefused: They differ; says by how much and, where it can be found, in which layer.
    """
    source = held.source
    versions = source.describe().versions
    reference = held.wire.reference(source)
    proof = prove_on(reference, candidate.run, held.trials, tolerances, versions=versions)
    report = replace(proof.report, notes=(*held.notes, *proof.report.notes))
    proof = replace(proof, report=report)
    if not report.passed:
        proof = replace(proof, report=_with_divergence(held, candidate, proof, tolerances))
        folder = Path(request.report or tempfile.mkdtemp(prefix="easel-refused-"))
        folder.mkdir(parents=True, exist_ok=True)
        write_proof(request, Proven(candidate, proof), folder, facts_of(held))
        raise ExportRefused(
            f"the exported {candidate.title} is not the source model: "
            f"{_difference(proof.report)}; nothing was published; see {folder / PAGE_FILE}"
        )
    return Proven(candidate, proof)


def facts_of(held: Held) -> Mapping[str, str]:
    """What stands beside the numbers on the page."""
    description = held.source.describe()
    return {
        "source": held.kind.title,
        "route": description.route,
        "parameters": f"{description.parameters:,}",
        "input": "; ".join(map(str, held.wire.inputs)),
        "output": "; ".join(map(str, held.wire.own.outputs)),
    }


def write_proof(
    request: ExportRequest, proven: Proven, folder: Path, facts: Mapping[str, str]
) -> None:
    """Write ``parity.json`` and ``parity.html`` into *folder*."""
    given = {"tag": request.tag, "licence": request.licence, "author": request.author}
    about = About(
        title=request.name,
        source=request.source.name,
        labels=request.labels,
        facts={**facts, **{name: text for name, text in given.items() if text}},
    )
    write_report(proven.proof.report, folder / PARITY_FILE)
    write_html(proven.proof.report, proven.proof.evidence, folder / PAGE_FILE, about)


def _with_divergence(
    held: Held, candidate: Candidate, proof: Proof, tolerances: Tolerances
) -> ParityReport:
    """The report, with the first layer that differs if the graph can be looked into."""
    return replace(proof.report, divergence=_divergence(held, candidate, proof, tolerances))


def _divergence(
    held: Held, candidate: Candidate, proof: Proof, tolerances: Tolerances
) -> Divergence | None:
    feeds = proof.evidence.failing
    if feeds is None or candidate.graph is None:
        return None
    wire, source = held.wire, held.source
    inputs = wire.to_source(feeds)
    try:
        outputs = source.run(wire.signature, inputs)
        witness = Witness(inputs, outputs, source.layers(wire.signature, inputs))
        return find_divergence(candidate.graph, feeds, witness, tolerances)
    except ExportRefused:  # the difference is told all the same
        return None


def _difference(report: ParityReport) -> str:
    failed = [output for output in report.outputs if not output.passed]
    if not failed:
        return "there is no output to compare"
    worst = max(failed, key=lambda output: output.max_abs_error)
    where = f"output {worst.name} at batch {worst.batch}"
    if worst.mismatch:
        return f"{where}: {worst.mismatch}"
    top1 = "" if worst.top1_agreement is None else f", top-1 agreement {worst.top1_agreement:.2%}"
    layer = f"; first in {report.divergence}" if report.divergence else ""
    return f"{where} differs by {worst.max_abs_error:.3g}{top1}{layer}"
