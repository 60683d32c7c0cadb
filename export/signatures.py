"""The signatures beside the one that was asked for: ONNX has none of them, a SavedModel all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from export.parity.proof import prove_on
from export.parity.seeded import seeded
from export.proving import Held, Proven
from export.tensors import Tensors
from export.wire import Wire
from model_store.errors import ExportRefused


def left_out(held: Held) -> tuple[str, ...]:
    """What is said of an ONNX graph, which is one signature."""
    others = sorted(held.source.describe().signatures.keys() - {held.wire.signature})
    if not others:
        return ()
    note = (
        f"the ONNX graph is signature {held.wire.signature}; left out: {', '.join(others)}; "
        "export each as a model of its own with --signature, or all with --to saved_model"
    )
    return (note,)


def with_others(held: Held, first: Proven) -> tuple[Proven, ...]:
    """*first*, and a proof for every other signature of its SavedModel, on drawn inputs.

    One that cannot be proven stays in the file, for the file is one, and the report says so.
    """
    proven: list[Proven] = []
    unproven: list[str] = []
    for name, run in first.candidate.others.items():
        try:
            proven.append(_proven(held, first, name, run))
        except ExportRefused as error:
            unproven.append(f"signature {name} is in the SavedModel and is not proven: {error}")
    notes = (*first.proof.report.notes, *unproven)
    report = replace(first.proof.report, notes=notes)
    return replace(first, proof=replace(first.proof, report=report)), *proven


def _proven(held: Held, first: Proven, name: str, run: Callable[[Tensors], Tensors]) -> Proven:
    own = held.source.describe().signatures.get(name)
    if own is None:
        raise ExportRefused("the source does not tell of it")
    wire = Wire(name, own, None)
    proof = prove_on(wire.reference(held.source), run, seeded(own))
    if not proof.report.passed:
        raise ExportRefused(
            "its answers differ from the source's; they may depend on chance or on earlier calls"
        )
    signatures = {name: first.candidate.signatures[name]}
    title = f"{first.candidate.title} signature {name}"
    return Proven(replace(first.candidate, title=title, signatures=signatures, notes=()), proof)
