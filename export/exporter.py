"""From a model file to a version in the store, or a refusal and nothing left behind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from export.comparing import compared_pixels
from export.completing import completed, with_own_size
from export.convert import Candidate, made_saved_model, make_onnx
from export.inspect.inspection import check
from export.kinds import KINDS, SAVED_MODEL, Kind
from export.parity.proof import prove_on
from export.parity.report import ParityReport
from export.parity.seeded import seeded
from export.parity.trials import Group, Trials, from_samples
from export.publish import Findings, Proven, Published, check_labels, golden_rows, write_version
from export.request import ExportRequest
from export.samples import read_samples
from export.sniff import sniff
from export.tensors import Tensors
from export.wire import Wire, choose_signature, make_wire
from export.workshop.client import Environment, HeldSource, held_source
from model_store.errors import ExportRefused
from model_store.ports import ModelStore
from model_store.spec import Signature
from model_store.store import Seal, leave_open

Step = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class _Held:
    """A loaded source, and what is known of it before anything is made of it."""

    kind: Kind
    source: HeldSource
    wire: Wire
    golden: tuple[Tensors, Tensors]
    notes: tuple[str, ...]


def export(
    request: ExportRequest, store: ModelStore, step: Step, seal: Seal = leave_open
) -> Published:
    """Load, convert, prove and publish.

    Args:
        request: What was asked for.
        store: Where the version goes.
        step: Told what is being done, before it is done.
        seal: Signs the version's folder; see ``Store.publishing``.

    Raises:
        ExportRefused: The source cannot be loaded or converted, or is not equal afterwards.
        InvalidRequest: A flag's value makes no sense.
    """
    step(f"looking at {request.source.name}")
    name = sniff(request.source)
    check(request.source, name, is_trusted=request.options.is_trusted)
    kind = KINDS[name]
    step(f"loading {request.source.name} ({kind.title})")
    environment = environment_of(request, kind)
    with held_source(kind, request.source, request.options, environment) as source:
        return export_held(request, kind, source, store, step, seal=seal)


def export_held(
    request: ExportRequest,
    kind: Kind,
    source: HeldSource,
    store: ModelStore,
    step: Step,
    *,
    seal: Seal = leave_open,
) -> Published:
    """Everything after the loading; raises as ``export`` does."""
    description = source.describe()
    signature = choose_signature(description, request.signature)
    own = description.signatures[signature]
    request = with_own_size(completed(request, kind, description), own)
    wire = make_wire(own, signature, request.contract, request.scaling, request.layout)
    trials = read_trials(request, wire)
    golden = golden_rows(_first(trials), wire.reference(source))
    check_labels(request.labels, golden[1])
    notes = (*request.notes, *compared_pixels(request, wire, source))
    held = _Held(kind, source, wire, golden, notes)
    with store.publishing(request.name, seal) as (folder, publish):
        findings = _make(request, held, trials, folder, step)
        step("publishing")
        return write_version(request, findings, folder, publish)


def environment_of(request: ExportRequest, kind: Kind) -> Environment:
    """Where a source of *kind* is loaded."""
    usual = Environment(time_limit_s=request.time_limit_s)
    return replace(usual, python=request.pythons.get(kind.framework, usual.python))


def read_trials(request: ExportRequest, wire: Wire) -> Trials:
    """The author's samples, or inputs drawn to fit."""
    signature = Signature(wire.inputs, wire.own.outputs)
    if request.samples is None:
        return seeded(signature)
    samples = read_samples(request.samples, wire.inputs, request.contract)
    return from_samples(samples.tensors, signature, samples.text)


def _first(trials: Trials) -> Group:
    return trials.groups[0] if trials.groups else next(trials.tries())


def _make(
    request: ExportRequest, held: _Held, trials: Trials, folder: Path, step: Step
) -> Findings:
    """Convert to what was asked for, and prove each."""
    source, wire = held.source, held.wire
    proven: list[Proven] = []

    def prove(candidate: Candidate) -> None:
        step(f"proving that the {candidate.title} is equal, on {trials.samples}")
        versions = source.describe().versions
        proof = prove_on(wire.reference(source), candidate.run, trials, versions=versions)
        _refuse_unless_equal(proof.report)
        proven.append(Proven(candidate, proof))

    if request.target != "saved_model":
        step("converting to ONNX")
        has_saved_model = held.kind.framework in ("keras", "tensorflow")
        prove(make_onnx(source, wire, held.golden[0], folder, has_saved_model=has_saved_model))
    if request.target != "onnx":
        step("making a SavedModel")
        environment = environment_of(request, KINDS[SAVED_MODEL])
        with made_saved_model(source, wire, folder, environment) as candidate:
            prove(candidate)
    return Findings(held.kind, source.describe(), wire, tuple(proven), held.golden, held.notes)


def _refuse_unless_equal(report: ParityReport) -> None:
    if not report.passed:
        raise ExportRefused(
            f"the exported graph is not the source model: {_difference(report)}; "
            "nothing was published"
        )


def _difference(report: ParityReport) -> str:
    failed = [output for output in report.outputs if not output.passed]
    if not failed:
        return "there is no output to compare"
    worst = max(failed, key=lambda output: output.max_abs_error)
    where = f"output {worst.name} at batch {worst.batch}"
    if worst.mismatch:
        return f"{where}: {worst.mismatch}"
    top1 = "" if worst.top1_agreement is None else f", top-1 agreement {worst.top1_agreement:.2%}"
    return f"{where} differs by {worst.max_abs_error:.3g}{top1}"
