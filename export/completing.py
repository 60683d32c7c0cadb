"""What the author left out and the source itself tells: class labels, size, a known maker's contract."""

from __future__ import annotations

from dataclasses import replace

from export.kinds import KERAS_2, KINDS, Kind
from export.presets import PRESETS, contract_of
from export.request import ExportRequest
from export.scaling import Scaling
from export.sources.source import Description
from export.wiring import Layout, layout_of, size_of
from model_store.errors import ExportRefused
from model_store.spec import Signature, TensorSpec

_TEACHABLE_MACHINE = "teachable-machine"
TEACHABLE_MACHINE_NOTE = (
    "taken for a model of Teachable Machine: Keras 2, labels.txt beside it, colour pictures; its "
    "input contract was chosen. Say --preset or --size if it is none"
)


def completed(request: ExportRequest, kind: Kind, description: Description) -> ExportRequest:
    """*request* with what *description* adds to it; what the author said stays."""
    request = replace(request, labels=request.labels or description.class_labels)
    inputs = [spec for each in description.signatures.values() for spec in each.inputs]
    if request.contract is None and _is_teachable_machine(kind, description, inputs):
        preset = PRESETS[_TEACHABLE_MACHINE]
        request = replace(
            request,
            contract=contract_of(preset, size=size_of(inputs[0], "NHWC")),
            scaling=Scaling(preset.scale, preset.offset),
            reference=preset.reference,
            notes=(*request.notes, TEACHABLE_MACHINE_NOTE),
        )
    return request


def _is_teachable_machine(kind: Kind, description: Description, inputs: list[TensorSpec]) -> bool:
    """Its exports are alike: a Keras 2 file of one colour input, and ``labels.txt`` beside it."""
    return (
        kind == KINDS[KERAS_2]
        and bool(description.class_labels)
        and len(inputs) == 1
        and inputs[0].shape is not None
        and len(inputs[0].shape) == 4
        and inputs[0].shape[3] == 3
    )


def with_own_size(request: ExportRequest, own: Signature) -> ExportRequest:
    """The source's own height and width, where the author gave none."""
    contract = request.contract
    if contract is None or request.is_size_given or len(own.inputs) != 1:
        return request
    size = size_of(own.inputs[0], request.layout or _layout(own.inputs[0], request))
    if size is None or size == contract.size:
        return request
    short = contract.short_side_px
    if short is not None:  # in the same proportion
        short = round(short * max(size) / max(contract.size))
    return replace(request, contract=replace(contract, size=size, short_side_px=short))


def _layout(spec: TensorSpec, request: ExportRequest) -> Layout:
    assert request.contract is not None
    try:
        return layout_of(spec, request.contract.mode)
    except ExportRefused:  # told later, when the wire is made
        return "NHWC"
