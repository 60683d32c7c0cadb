"""What a version directory holds beside the model: labels, golden samples, proof, manifest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

import numpy as np

from export.graph.trials import FLOAT, Choice
from export.parity.proof import Proof, together
from export.parity.report import ParityReport
from export.parity.trials import Group
from export.proving import PARITY_FILE, Held, Proven, facts_of, write_proof
from export.request import ExportRequest
from export.sources.source import Description
from export.tensors import Tensors
from model_store.digests import digest_file, digest_folder
from model_store.errors import ExportRefused
from model_store.manifest import FileDigest, Manifest
from model_store.spec import DEFAULT_SIGNATURE, ModelVersion, Signature

LABELS_FILE, GOLDEN_FILE = "labels.txt", "golden.npz"
GOLDEN_ROWS = 16


@dataclass(frozen=True, slots=True)
class Findings:
    """All that an export has found out, before it is published.

    Attributes:
        held: The source, and what is known of it.
        proven: One for each target; the first is what the server loads.
        choice: What was tried to make it faster or smaller; None if nothing was.
    """

    held: Held
    proven: tuple[Proven, ...]
    choice: Choice | None = None

    @property
    def description(self) -> Description:
        """What the source says of itself."""
        return self.held.source.describe()

    @property
    def proof(self) -> Proof:
        """One proof for all targets, with every note; a second target's outputs say which it is."""
        joined = together({each.candidate.title: each.proof for each in self.proven})
        notes = (
            *self.description.notes,
            *(note for each in self.proven for note in each.candidate.notes),
            *(self.choice.notes if self.choice else ()),
            *joined.report.notes,
        )
        return replace(joined, report=replace(joined.report, notes=notes))

    @property
    def report(self) -> ParityReport:
        """What ``parity.json`` says."""
        return self.proof.report

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of, one sentence each."""
        return self.report.notes


@dataclass(frozen=True, slots=True)
class Published:
    """A version in the store."""

    model: ModelVersion
    findings: Findings
    labels: tuple[str, ...]
    files: Mapping[str, FileDigest]


def golden_rows(group: Group, reference: Callable[[Tensors], Tensors]) -> tuple[Tensors, Tensors]:
    """The first rows of *group*, or all of it without a batch axis, and the source's outputs."""
    inputs = group.inputs
    if group.batches:
        inputs = {name: tensor[:GOLDEN_ROWS] for name, tensor in inputs.items()}
    return inputs, reference(inputs)


def check_labels(labels: tuple[str, ...], outputs: Tensors) -> None:
    """See that there are as many class labels as scores.

    Raises:
        ExportRefused: There are not.
    """
    classes = sorted({output.shape[1] for output in outputs.values() if output.ndim == 2})
    if labels and len(labels) not in classes:
        scores = " or ".join(map(str, classes)) or "no"
        raise ExportRefused(f"there are {len(labels)} class labels for {scores} scores")


def write_version(
    request: ExportRequest,
    findings: Findings,
    folder: Path,
    publish: Callable[[Callable[[ModelVersion], Manifest]], ModelVersion],
) -> Published:
    """Write what belongs beside the model, and publish.

    Args:
        request: What was asked for, with the labels that are meant.
        findings: What came of it.
        folder: The unpublished version; the model is in it.
        publish: From ``Store.publishing``.
    """
    golden = _golden_arrays(findings)
    if golden:
        np.savez_compressed(folder / GOLDEN_FILE, allow_pickle=False, **golden)
    whole = replace(findings.proven[0], proof=findings.proof)
    write_proof(request, whole, folder, facts_of(findings.held))
    if request.labels:
        text = "".join(f"{label}\n" for label in request.labels)
        (folder / LABELS_FILE).write_text(text, encoding="utf-8")
    files = digest_folder(folder)
    model = publish(lambda model: _manifest(model, request, findings, files))
    return Published(model, findings, request.labels, files)


def _golden_arrays(findings: Findings) -> Tensors:
    """As ``model_store.manifest`` names them; none for dtypes that numpy's files do not keep."""
    inputs, outputs = findings.held.golden
    if findings.choice is not None and findings.choice.chosen.candidate != FLOAT:
        # The server holds a version against itself: 8 bits are not what the source gave.
        outputs = findings.proven[0].candidate.run(inputs)
    if any(tensor.dtype.kind == "V" for tensor in (*inputs.values(), *outputs.values())):
        return {}
    name, signatures = findings.held.wire.signature, _signatures(findings)
    # The very one, not one that takes and gives the same.
    is_usual = signatures.get(DEFAULT_SIGNATURE) is signatures[name]
    prefix = "" if is_usual else f"{name}/"
    named = {f"{prefix}input:{key}": tensor for key, tensor in inputs.items()}
    return named | {f"{prefix}output:{key}": tensor for key, tensor in outputs.items()}


def _signatures(findings: Findings) -> Mapping[str, Signature]:
    """What the server is promised: for ONNX one way to call it, under the usual name too."""
    first, *others = findings.proven
    proofs = {name: each.proof for each in others for name in each.candidate.signatures}
    proofs[findings.held.wire.signature] = first.proof
    # One without a proof gets no company: nobody knows what its rows do to each other.
    is_row_wise = {name: proof.is_row_wise for name, proof in proofs.items()}
    found = {
        name: replace(signature, is_row_wise=signature.is_row_wise and is_row_wise.get(name, False))
        for name, signature in first.candidate.signatures.items()
    }
    if len(found) == 1 and DEFAULT_SIGNATURE not in found:
        found[DEFAULT_SIGNATURE] = next(iter(found.values()))
    return found


def _manifest(
    model: ModelVersion,
    request: ExportRequest,
    findings: Findings,
    files: Mapping[str, FileDigest],
) -> Manifest:
    is_onnx = findings.proven[0].candidate.title == "ONNX"
    return Manifest(
        model=model,
        format="onnx" if is_onnx else "saved_model",
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        signatures=_signatures(findings),
        files=files,
        input_contract=request.contract,
        labels_file=LABELS_FILE if request.labels else None,
        golden_file=GOLDEN_FILE if GOLDEN_FILE in files else None,
        parity_file=PARITY_FILE,
        tag=request.tag,
        source=_source(request, findings),
        licence=request.licence,
        author=request.author,
        exporter={"easel": version("easel"), **findings.report.versions},
    )


def _source(request: ExportRequest, findings: Findings) -> Mapping[str, str]:
    facts = {
        "file": request.source.name,
        "kind": findings.held.kind.title,
        "route": findings.description.route,
        "sha256": digest_source(request.source),
    }
    if request.contract is not None:
        facts["scaling"] = str(request.scaling)
    return facts


def digest_source(path: Path) -> str:
    """SHA-256 of a file; of a folder, that of its files' names and digests in order."""
    if path.is_file():
        return digest_file(path).sha256
    from_files = digest_folder(path)
    lines = "".join(f"{from_files[name].sha256}  {name}\n" for name in sorted(from_files))
    return sha256(lines.encode()).hexdigest()
