"""The source in its new form, with the scaling inside, and a function that runs it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import onnx

from export.graph import prelude as preludes
from export.graph.checks import check
from export.graph.session import open_session, run
from export.graph.structure import signature_of
from export.kinds import KINDS, SAVED_MODEL
from export.sources.source import GRAPH_FILE, WEIGHTS_FILE, Options
from export.tensors import Tensors
from export.wire import Wire
from export.workshop.client import Environment, HeldSource, held_source
from model_store.errors import ExportRefused
from model_store.spec import Signature

# Beyond this a protobuf message cannot be written; the weights then lie beside the graph.
_MAX_GRAPH_BYTES = 1_900_000_000


@dataclass(frozen=True, slots=True)
class Candidate:
    """An exported model that can be run.

    Attributes:
        title: ``ONNX`` or ``SavedModel``.
        run: From wire tensors to outputs.
        signatures: What it takes and gives, by signature name.
        notes: What a person should know of.
        graph: The ONNX file; None if it is none.
        others: As ``run``, for signatures that nobody asked for and that are in it all the same.
    """

    title: str
    run: Callable[[Tensors], Tensors]
    signatures: Mapping[str, Signature]
    notes: tuple[str, ...] = ()
    graph: Path | None = None
    others: Mapping[str, Callable[[Tensors], Tensors]] = field(default_factory=dict)


def make_onnx(
    source: HeldSource, wire: Wire, inputs: Tensors, folder: Path, *, has_saved_model: bool
) -> Candidate:
    """Write ``folder/model.onnx``.

    Args:
        source: What it is made of.
        wire: What travels.
        inputs: Wire tensors to try it out on.
        folder: Where it goes.
        has_saved_model: Whether a SavedModel could be made instead.

    Raises:
        ExportRefused: ONNX cannot express the source, or the graph is wrong.
    """
    notes = source.to_onnx(wire.signature, _fresh(source.folder / "onnx"))
    _take(source.folder / "onnx", folder)
    model = onnx.load(folder / GRAPH_FILE)
    if wire.prelude is not None:
        model = preludes.insert(model, wire.prelude)
    wanted = replace(wire.own, inputs=wire.inputs)
    checked = check(model, wanted, inputs, has_saved_model=has_saved_model)
    _save(checked.model, folder)
    signature = _in_order(signature_of(checked.model), wanted)
    signature = replace(signature, is_row_wise=checked.is_row_wise)
    return opened_onnx(folder / GRAPH_FILE, {wire.signature: signature}, (*notes, *checked.notes))


def opened_onnx(
    graph: Path, signatures: Mapping[str, Signature], notes: tuple[str, ...]
) -> Candidate:
    """The file *graph*, run by ONNX Runtime.

    Raises:
        ExportRefused: ONNX Runtime cannot load it.
    """
    session = open_session(graph)
    return Candidate("ONNX", lambda tensors: run(session, tensors), signatures, notes, graph)


def _in_order(found: Signature, wanted: Signature) -> Signature:
    """The graph's own tensors, as the source orders them."""
    inputs = {spec.name: spec for spec in found.inputs}
    outputs = {spec.name: spec for spec in found.outputs}
    return replace(
        wanted,
        inputs=tuple(inputs[spec.name] for spec in wanted.inputs),
        outputs=tuple(outputs[spec.name] for spec in wanted.outputs),
    )


@contextmanager
def made_saved_model(
    source: HeldSource, wire: Wire, folder: Path, environment: Environment
) -> Iterator[Candidate]:
    """Write a SavedModel into *folder* and run it, in a process of its own, in the block.

    Raises:
        ExportRefused: The source cannot become one, or it cannot be loaded again.
    """
    by_signature = {} if wire.prelude is None else {wire.signature: wire.prelude}
    notes = source.to_saved_model(_fresh(source.folder / "saved_model"), by_signature)
    _take(source.folder / "saved_model", folder)
    with held_source(KINDS[SAVED_MODEL], folder, Options(), environment) as loaded:
        signatures = loaded.describe().signatures
        runs = {name: partial(loaded.run, name) for name in signatures}
        run = runs.pop(wire.signature)
        yield Candidate("SavedModel", run, signatures, notes, others=runs)


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def _take(made: Path, folder: Path) -> None:
    """Move what the source's process wrote; it was given one folder and may have been misled.

    Raises:
        ExportRefused: There is something other than files and folders.
    """
    for path in made.rglob("*"):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise ExportRefused(f"the source's process wrote {path.name}, which is no file")
    for path in made.iterdir():
        shutil.move(path, folder / path.name)


def _save(model: onnx.ModelProto, folder: Path) -> None:
    is_large = model.ByteSize() > _MAX_GRAPH_BYTES
    onnx.save(model, folder / GRAPH_FILE, save_as_external_data=is_large, location=WEIGHTS_FILE)
