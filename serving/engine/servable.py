"""A version made callable: files checked, graph loaded, warm, and its answers right."""

from __future__ import annotations

import time
import zipfile
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from model_store.errors import BadVersion
from model_store.manifest import Manifest
from model_store.spec import DEFAULT_SIGNATURE, ModelVersion, Signature
from model_store.store import Store
from serving.api.calls import Tensors
from serving.engine.batching import Batcher
from serving.engine.limits import BatchLimits
from serving.engine.onnx_runtime import OrtSession
from serving.engine.session import Session

GRAPH_FILE = "model.onnx"
# Other processors round otherwise; a wrong graph is wrong by far more.
GOLDEN_RTOL, GOLDEN_ATOL = 1e-3, 1e-4
_WARM_RUNS = 20


@dataclass(frozen=True, slots=True)
class Servable:
    """A loaded version: what it promises, and a queue for each signature."""

    model: ModelVersion
    manifest: Manifest
    batchers: Mapping[str, Batcher]


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How versions are loaded."""

    intra_op_threads: int = 1
    limits: BatchLimits = field(default_factory=BatchLimits)


def load(store: Store, model: ModelVersion, options: LoadOptions, executor: Executor) -> Servable:
    """Load one version; blocking.

    Raises:
        ServableNotFound: There is no such version.
        BadVersion: A digest, the graph, its signature or a golden answer is wrong.
    """
    manifest = store.verify(model)
    if GRAPH_FILE not in manifest.files:  # it would be loaded unchecked
        raise BadVersion(f"{model}: the manifest names no {GRAPH_FILE}")
    folder = store.folder(model)
    session = OrtSession(folder / GRAPH_FILE, intra_op_threads=options.intra_op_threads)
    signature = manifest.signatures[DEFAULT_SIGNATURE]
    _check_signature(model, signature, session.signature)
    row_s = _zero_row_seconds(session, signature)
    if manifest.golden_file is not None:
        check_golden(model, session, signature, _read_golden(folder / manifest.golden_file))
    return Servable(
        model,
        manifest,
        {
            name: Batcher(session, each, options.limits, executor, row_s=row_s)
            for name, each in manifest.signatures.items()
        },
    )


def check_golden(
    model: ModelVersion, session: Session, signature: Signature, golden: Tensors
) -> None:
    """Run the golden samples and compare with the source model's outputs.

    Args:
        model: For the message.
        session: Runs them.
        signature: Which tensors to look for.
        golden: ``input:NAME`` and ``output:NAME``, axis 0 being the batch axis.

    Raises:
        BadVersion: An output is not what it was when the version was exported.
    """
    names = [spec.name for spec in signature.outputs]
    try:
        inputs = {spec.name: golden[f"input:{spec.name}"] for spec in signature.inputs}
        wanted = [golden[f"output:{name}"] for name in names]
    except KeyError as error:
        raise BadVersion(f"{model}: the golden samples have no array {error}") from error
    for name, want, got in zip(names, wanted, session.run(names, inputs), strict=True):
        if got.shape != want.shape or not np.allclose(got, want, GOLDEN_RTOL, GOLDEN_ATOL):
            raise BadVersion(
                f"{model}: output {name} of the golden samples is not what the source model "
                "gave; the version is damaged or this processor computes it wrongly"
            )


def _read_golden(path: Path) -> Tensors:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise BadVersion(f"{path} cannot be read: {error}") from error


def _check_signature(model: ModelVersion, promised: Signature, found: Signature) -> None:
    for side, want, got in (
        ("inputs", promised.inputs, found.inputs),
        ("outputs", promised.outputs, found.outputs),
    ):
        if sorted(map(str, want)) != sorted(map(str, got)):
            raise BadVersion(
                f"{model}: the manifest's {side} are {', '.join(map(str, want))}; "
                f"the graph's are {', '.join(map(str, got))}"
            )


def _zero_row_seconds(session: Session, signature: Signature) -> float:
    """Warm the session with one row of zeros and time it; inf where there is no such row."""
    if any(None in spec.shape[1:] or spec.dtype == "bytes" for spec in signature.inputs):
        return float("inf")
    inputs = {
        spec.name: np.zeros([1 if size is None else size for size in spec.shape], spec.dtype)
        for spec in signature.inputs
    }
    names = [spec.name for spec in signature.outputs]
    times = []
    for _ in range(_WARM_RUNS):
        start = time.perf_counter()
        session.run(names, inputs)
        times.append(time.perf_counter() - start)
    return float(np.median(times[_WARM_RUNS // 2 :]))
