"""From a loaded source to a version in the store, or a refusal and nothing left behind."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from export.keras_source import KerasSource, to_onnx, versions
from export.parity import ParityReport, Tolerance, prove
from export.request import ExportRequest
from export.tensors import Tensors
from model_store.contract import ImageContract
from model_store.digests import digest_file, digest_folder
from model_store.errors import ExportRefused
from model_store.manifest import Manifest
from model_store.spec import DEFAULT_SIGNATURE, ModelVersion, Signature, TensorSpec
from model_store.store import Store

GRAPH_FILE, LABELS_FILE, GOLDEN_FILE, PARITY_FILE = (
    "model.onnx", "labels.txt", "golden.npz", "parity.json",
)  # fmt: skip
GOLDEN_ROWS = 16

Step = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Exported:
    """A published version and the proof."""

    model: ModelVersion
    folder: Path
    parity: ParityReport
    graph_bytes: int


def export(request: ExportRequest, source: KerasSource, store: Store, step: Step) -> Exported:
    """Convert, prove and publish.

    Args:
        request: What was asked for.
        source: The loaded model.
        store: Where the version goes.
        step: Told what is being done, before it is done.

    Raises:
        ExportRefused: The shapes do not fit, the conversion failed, or parity did.
    """
    _check_request(request, source)
    with store.publishing(request.name) as (folder, publish):
        step("converting to ONNX")
        to_onnx(source, request.scaling, request.contract.tensor, folder / GRAPH_FILE)
        exported = _load(folder / GRAPH_FILE)
        signature = _signature(exported, request.contract)
        step(f"proving parity on {len(request.samples)} samples at batch 1, 2 and 7")
        inputs = {request.contract.tensor: request.samples}
        want = source.predict(request.samples, request.scaling)
        _check_labels(request.labels, want)
        parity = prove(
            lambda _: want,
            lambda batch: _run(exported, batch),
            inputs,
            Tolerance(),
            samples=request.samples_text,
        )
        _refuse_unless_equal(parity)
        step("publishing")
        _write_files(folder, request, want, parity)
        model = publish(lambda model: _manifest(model, folder, request, signature))
    path = store.folder(model)
    return Exported(model, path, parity, (path / GRAPH_FILE).stat().st_size)


def _check_request(request: ExportRequest, source: KerasSource) -> None:
    if tuple(source.input_shape[1:]) != request.contract.shape:
        raise ExportRefused(
            f"the model takes {list(source.input_shape[1:])}, the input contract gives "
            f"{list(request.contract.shape)}; change --size or --mode"
        )
    if request.samples.dtype != np.uint8 or request.samples.shape[1:] != request.contract.shape:
        raise ExportRefused(
            f"the samples are {request.samples.dtype}{list(request.samples.shape)}, the wire "
            f"tensor is uint8{['N', *request.contract.shape]}"
        )
    if not len(request.samples):
        raise ExportRefused("there are no samples to prove parity on")


def _check_labels(labels: tuple[str, ...], outputs: Tensors) -> None:
    classes = sorted({output.shape[1] for output in outputs.values() if output.ndim == 2})
    if labels and len(labels) not in classes:
        scores = " or ".join(map(str, classes)) or "no"
        raise ExportRefused(f"there are {len(labels)} class labels for {scores} scores")


def _load(path: Path) -> ort.InferenceSession:
    try:
        return ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's exceptions have no common base
        raise ExportRefused(f"ONNX Runtime cannot load the converted graph: {error}") from error


def _run(session: ort.InferenceSession, inputs: Tensors) -> Tensors:
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, dict(inputs)), strict=True))


def _signature(session: ort.InferenceSession, contract: ImageContract) -> Signature:
    """The graph's own signature, which must have the promised input and a free batch axis."""
    found = [(node.name, node.type) for node in session.get_inputs()]
    if found != [(contract.tensor, "tensor(uint8)")]:
        raise ExportRefused(f"the graph wants the inputs {found}; only {contract.tensor} is known")
    specs = [_spec(node) for node in session.get_outputs()]
    for spec in specs:
        if spec.shape is None or spec.shape[:1] != (None,):
            raise ExportRefused(f"the batch axis was baked into the output {spec}")
    image = TensorSpec(contract.tensor, "uint8", (None, *contract.shape))
    return Signature((image,), tuple(specs))


def _spec(node: Any) -> TensorSpec:
    if node.type != "tensor(float)":
        raise ExportRefused(f"output {node.name} is {node.type}; only float32 is exported so far")
    return TensorSpec(
        node.name, "float32", tuple(size if isinstance(size, int) else None for size in node.shape)
    )


def _refuse_unless_equal(parity: ParityReport) -> None:
    if parity.passed:
        return
    raise ExportRefused(
        f"the exported graph is not the source model: {_difference(parity)}; nothing was published"
    )


def _difference(parity: ParityReport) -> str:
    failed = [output for output in parity.outputs if not output.passed]
    if not failed:
        return "there is no output to compare"
    worst = max(failed, key=lambda output: output.max_abs_error)
    where = f"output {worst.name} at batch {worst.batch}"
    if not worst.rows:
        return f"{where} is missing in one of them, or has another dtype or shape"
    top1 = "" if worst.top1_agreement is None else f", top-1 agreement {worst.top1_agreement:.2%}"
    return f"{where} differs by {worst.max_abs_error:.3g}{top1}"


def _write_files(folder: Path, request: ExportRequest, want: Tensors, parity: ParityReport) -> None:
    golden = {f"input:{request.contract.tensor}": request.samples[:GOLDEN_ROWS]}
    golden |= {f"output:{name}": output[:GOLDEN_ROWS] for name, output in want.items()}
    np.savez_compressed(folder / GOLDEN_FILE, allow_pickle=False, **golden)
    (folder / PARITY_FILE).write_text(json.dumps(parity.to_json(), indent=2) + "\n")
    if request.labels:
        text = "".join(f"{label}\n" for label in request.labels)
        (folder / LABELS_FILE).write_text(text, encoding="utf-8")


def _manifest(
    model: ModelVersion, folder: Path, request: ExportRequest, signature: Signature
) -> Manifest:
    return Manifest(
        model=model,
        format="onnx",
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        signatures={DEFAULT_SIGNATURE: signature},
        files=digest_folder(folder),
        input_contract=request.contract,
        labels_file=LABELS_FILE if request.labels else None,
        golden_file=GOLDEN_FILE,
        parity_file=PARITY_FILE,
        tag=request.tag,
        source={
            "file": request.source.name,
            "kind": "keras-3",
            "sha256": digest_file(request.source).sha256,
            "scaling": f"{request.scaling.scale!r} * pixel + {request.scaling.offset!r}",
        },
        exporter={"easel": version("easel"), "onnxruntime": ort.__version__, **versions()},
    )
