"""``--to mar``: a TorchServe archive beside the store, proven equal before it appears there."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from export.convert import Candidate
from export.exporter import Step, loaded, prepare
from export.mar import ARCHIVE, Archive, archive_path, write_archive
from export.proving import Held, Proven, facts_of, prove, write_proof
from export.publish import digest_source
from export.request import ExportRequest
from export.sources.source import Options
from export.wire import Wire
from export.workshop.client import Environment, held_source
from model_store.errors import ServableNotFound
from model_store.spec import DEFAULT_SIGNATURE, ModelVersion, Signature
from model_store.store import Store


@dataclass(frozen=True, slots=True)
class Archived:
    """An archive that TorchServe can load.

    Attributes:
        model: What TorchServe knows it by.
        path: The ``.mar`` file; its proof lies beside it.
        held: The source, and what is known of it.
        proven: The archive, and the proof.
    """

    model: ModelVersion
    path: Path
    held: Held
    proven: Proven


def archive(request: ExportRequest, store: Store, step: Step) -> Archived:
    """Load, archive and prove; the store itself stays as it is.

    Args:
        request: What was asked for.
        store: The archive lies beside its folder, and takes its number from there.
        step: Told what is being done, before it is done.

    Raises:
        ExportRefused: The source is not PyTorch's, or the archive is not equal to it.
    """
    with loaded(request, step) as (kind, source):
        request, held = prepare(request, kind, source)
        model = ModelVersion(request.name, number_of(request, store))
        target = archive_path(store.root, model)
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".easel-") as scratch:
            step("making the archive")
            made = Path(scratch) / target.name
            program = source.to_program(source.folder)
            write_archive(_plan(request, held, model, program), made, _python(request))
            proven = _prove(request, held, made, step)
            made.replace(target)
        write_proof(request, proven, proofs_of(target), facts_of(held))
        return Archived(model, target, held, proven)


def number_of(request: ExportRequest, store: Store) -> int:
    """The newest version that was made of the same source, or the number that comes next."""
    try:
        versions = store.versions(request.name)
    except ServableNotFound:  # there is no store yet
        versions = ()
    digest = digest_source(request.source)
    for number in reversed(versions):
        if store.manifest(ModelVersion(request.name, number)).source.get("sha256") == digest:
            return number
    return max(versions, default=0) + 1


def proofs_of(target: Path) -> Path:
    """The folder with ``parity.json`` and ``parity.html`` of an archive."""
    folder = target.with_suffix(".parity")
    folder.mkdir(exist_ok=True)
    return folder


def _plan(request: ExportRequest, held: Held, model: ModelVersion, program: Path) -> Archive:
    wire: Wire = held.wire
    return Archive(
        model=model,
        program=program,
        wire=replace(wire.own, inputs=wire.inputs),
        source=wire.own,
        prelude=wire.prelude,
        labels=request.labels,
    )


def _prove(request: ExportRequest, held: Held, made: Path, step: Callable[[str], None]) -> Proven:
    step(f"proving that the archive is equal, on {held.trials.samples}")
    environment = Environment(_python(request), request.time_limit_s)
    with held_source(ARCHIVE, made, Options(), environment) as archived:
        signature: Signature = archived.describe().signatures[DEFAULT_SIGNATURE]
        candidate = Candidate(
            "archive",
            lambda tensors: archived.run(DEFAULT_SIGNATURE, tensors),
            {held.wire.signature: signature},
        )
        return prove(request, held, candidate)


def _python(request: ExportRequest) -> str:
    return request.pythons.get(ARCHIVE.framework, Environment().python)
