"""From a model file to a version in the store, or a refusal and nothing published."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from export.comparing import compared_pixels
from export.completing import completed, with_own_size
from export.convert import Candidate, made_saved_model, make_onnx
from export.graph.trials import Choice
from export.inspect.inspection import check
from export.kinds import KINDS, SAVED_MODEL, Kind
from export.parity.proof import Predict
from export.parity.seeded import seeded
from export.parity.trials import Trials, from_samples
from export.proving import Held, Proven, prove
from export.publish import Findings, Published, check_labels, golden_rows, write_version
from export.refining import refine
from export.request import ExportRequest, Target
from export.samples import read_samples
from export.signatures import left_out, with_others
from export.sniff import sniff
from export.tensors import Tensors
from export.wire import Wire, choose_signature, make_wire
from export.workshop.client import Environment, HeldSource, held_source
from model_store.errors import ExportRefused
from model_store.ports import ModelStore
from model_store.spec import Signature
from model_store.store import Seal, leave_open

Step = Callable[[str], None]


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
    with loaded(request, step) as (kind, source):
        return export_held(request, kind, source, store, step, seal=seal)


@contextmanager
def loaded(request: ExportRequest, step: Step) -> Iterator[tuple[Kind, HeldSource]]:
    """The source that is asked for, inspected and loaded in a process of its own.

    Raises:
        ExportRefused: It cannot be, or would do harm.
    """
    step(f"looking at {request.source.name}")
    name = sniff(request.source)
    check(request.source, name, is_trusted=request.options.is_trusted)
    kind = KINDS[name]
    check_target(kind, request.target)
    step(f"loading {request.source.name} ({kind.title})")
    environment = environment_of(request, kind)
    with held_source(kind, request.source, request.options, environment) as source:
        yield kind, source


def check_target(kind: Kind, target: Target) -> None:
    """Refuse before a long work what cannot become of it.

    Raises:
        ExportRefused: Only TensorFlow's own kinds become SavedModels, only PyTorch's archives.
    """
    if target in ("saved_model", "both") and not kind.has_saved_model:
        raise ExportRefused(
            f"{kind.title} cannot become a SavedModel: choose --to onnx, which TensorFlow "
            "Serving's clients reach through easel serve"
        )
    if target == "mar" and kind.framework != "torch":
        raise ExportRefused(
            f"a TorchServe archive is made of PyTorch's files; this is {kind.title}: choose "
            "--to onnx or --to saved_model"
        )


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
    request, held = prepare(request, kind, source)
    with store.publishing(request.name, seal) as (folder, publish):
        findings = _make(request, held, folder, step)
        step("publishing")
        return write_version(request, findings, folder, publish)


def prepare(request: ExportRequest, kind: Kind, source: HeldSource) -> tuple[ExportRequest, Held]:
    """What the source tells added to the request, and all that is known before a conversion.

    Raises:
        ExportRefused: Contract, samples or labels do not fit the source.
    """
    description = source.describe()
    signature = choose_signature(description, request.signature)
    own = description.signatures[signature]
    request = with_own_size(completed(request, kind, description), own)
    wire = make_wire(own, signature, request.contract, request.scaling, request.layout)
    trials, classes = read_trials(request, wire)
    golden = find_golden(trials, wire.reference(source))
    check_labels(request.labels, golden[1])
    notes = (*request.notes, *compared_pixels(request, wire, source))
    held = Held(kind, source, wire, trials, golden, classes, notes)
    if request.target != "saved_model":
        held = replace(held, notes=(*notes, *left_out(held)))
    return request, held


def environment_of(request: ExportRequest, kind: Kind) -> Environment:
    """Where a source of *kind* is loaded."""
    usual = Environment(time_limit_s=request.time_limit_s)
    return replace(usual, python=request.pythons.get(kind.framework, usual.python))


def read_trials(request: ExportRequest, wire: Wire) -> tuple[Trials, NDArray[Any] | None]:
    """The author's samples and their right classes, or inputs drawn to fit."""
    signature = Signature(wire.inputs, wire.own.outputs)
    if request.samples is None:
        return seeded(signature), None
    samples = read_samples(request.samples, wire.inputs, request.contract)
    return from_samples(samples.tensors, signature, samples.text), samples.classes


def find_golden(trials: Trials, reference: Predict) -> tuple[Tensors, Tensors]:
    """The first samples, and what the source gives for them; drawn ones that it takes.

    Raises:
        ExportRefused: The source takes none.
    """
    if trials.groups:
        return golden_rows(trials.groups[0], reference)
    refusal = ExportRefused("no inputs could be drawn; give --samples")
    for group in trials.tries():
        try:
            return golden_rows(group, reference)
        except ExportRefused as error:
            refusal = error
    raise ExportRefused(f"the source takes no inputs that were drawn; give --samples: {refusal}")


def _make(request: ExportRequest, held: Held, folder: Path, step: Step) -> Findings:
    """Convert to what was asked for, and prove each."""
    proven: list[Proven] = []
    choice: Choice | None = None

    def tell(candidate: Candidate) -> Candidate:
        step(f"proving that the {candidate.title} is equal, on {held.trials.samples}")
        return candidate

    if request.target != "saved_model":
        step("converting to ONNX")
        made = make_onnx(
            held.source,
            held.wire,
            held.golden[0],
            folder,
            has_saved_model=held.kind.has_saved_model,
        )
        first = prove(request, held, tell(made))
        first, choice = refine(request, held, first, folder, step)
        proven.append(first)
    if request.target != "onnx":
        step("making a SavedModel")
        environment = environment_of(request, KINDS[SAVED_MODEL])
        with made_saved_model(held.source, held.wire, folder, environment) as candidate:
            proven += with_others(held, prove(request, held, tell(candidate)))
    return Findings(held, tuple(proven), choice)
