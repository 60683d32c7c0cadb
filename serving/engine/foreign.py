"""Versions without a manifest: a base path of TF Serving, an entry of Triton's repository.

Nobody has promised anything about them, so the graph's own word is taken: its signatures,
its files unchecked.  Whether rows may share a run is tried out, for a free axis 0 alone
does not say that rows are independent.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from model_store.errors import BadVersion
from model_store.manifest import Format, Manifest
from model_store.spec import ModelVersion, Signature, TensorSpec
from serving.api.calls import SERVED_DTYPES, Tensor
from serving.engine.session import LoadedModel, Session

logger = logging.getLogger(__name__)

_CONFIG_FILE = "config.pbtxt"
_MAX_BATCH_SIZE = re.compile(r"^\s*max_batch_size\s*:\s*(\d{1,9})\s*$", re.MULTILINE)
_GRAPH_NAME = re.compile(r'^\s*default_model_filename\s*:\s*"([\w.-]+)"\s*$', re.MULTILINE)
# The order of the rows in the trial: sums, maxima and sorting along axis 0 show in it.
_TRIAL = (0, 1, 0, 2)
_RTOL, _ATOL = 1e-3, 1e-4
_SEED = 20261122


@dataclass(frozen=True, slots=True)
class ForeignGraph:
    """What was found instead of a manifest.

    Attributes:
        format: How it is to be loaded.
        path: An ONNX file, or the folder that holds ``saved_model.pb``.
        max_rows: What Triton's configuration says: 0 for no batch axis; None without one.
    """

    format: Format
    path: Path
    max_rows: int | None


def find_graph(model: ModelVersion, folder: Path) -> ForeignGraph:
    """Find what there is to load in a version's folder.

    Raises:
        BadVersion: There is nothing that a runtime could load.
    """
    text = _read_config(folder.parent / _CONFIG_FILE)
    rows = _MAX_BATCH_SIZE.search(text)
    # Triton's field has the default 0; a base path of TF Serving has no such file.
    max_rows = int(rows[1]) if rows else (0 if text else None)
    named = _GRAPH_NAME.search(text)
    names = [named[1]] if named else ["saved_model.pb", "model.onnx", "model.savedmodel"]
    for name in names:
        path = folder / name
        if name == "saved_model.pb" and path.is_file():
            return ForeignGraph("saved_model", folder, max_rows)
        if (path / "saved_model.pb").is_file():
            return ForeignGraph("saved_model", path, max_rows)
        if path.is_file():
            return ForeignGraph("onnx", path, max_rows)
    raise BadVersion(f"{model}: {folder} has neither a manifest nor {' nor '.join(names)}")


def describe(model: ModelVersion, graph: ForeignGraph, loaded: LoadedModel) -> Manifest:
    """The manifest that nobody wrote.

    Raises:
        BadVersion: No signature is left whose tensors can be sent.
    """
    signatures = {}
    for name, found in loaded.signatures.items():
        signature = _sendable(model, name, found)
        if signature is not None:
            is_row_wise = _is_row_wise(graph, loaded.session(name), signature)
            signatures[name] = replace(signature, is_row_wise=is_row_wise)
    if not signatures:
        raise BadVersion(f"{model}: no signature has only tensors that can be sent")
    changed = datetime.fromtimestamp(graph.path.stat().st_mtime, UTC)
    created = changed.isoformat(timespec="seconds")
    return Manifest(model, graph.format, created, signatures, files={})


def _read_config(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise BadVersion(f"{path} cannot be read: {error}") from error


def _sendable(model: ModelVersion, name: str, found: Signature) -> Signature | None:
    """The signature without outputs that cannot be sent; None where an input cannot."""
    strange = [str(spec) for spec in found.inputs if spec.dtype not in SERVED_DTYPES]
    outputs = tuple(spec for spec in found.outputs if spec.dtype in SERVED_DTYPES)
    strange += [str(spec) for spec in found.outputs if spec not in outputs]
    if strange:
        logger.warning("%s: of %s these cannot be sent: %s", model, name, ", ".join(strange))
    is_whole = all(spec.dtype in SERVED_DTYPES for spec in found.inputs)
    return replace(found, outputs=outputs) if is_whole and outputs else None


def _is_row_wise(graph: ForeignGraph, session: Session, signature: Signature) -> bool:
    if graph.max_rows is not None:
        return graph.max_rows > 0
    return signature.is_batched and has_independent_rows(session, signature)


def has_independent_rows(session: Session, signature: Signature) -> bool:
    """Whether rows answer in company as they do alone, tried with a few random ones.

    False where that cannot be tried: strings are not guessed, and a graph may refuse
    what it gets.
    """
    if any(spec.dtype == "bytes" for spec in signature.inputs):
        return False
    random = np.random.default_rng(_SEED)
    rows = [
        {spec.name: _random_row(spec, index, random) for spec in signature.inputs}
        for index in range(max(_TRIAL) + 1)
    ]
    names = [spec.name for spec in signature.outputs]
    try:
        alone = [session.run(names, row) for row in rows]
        together = session.run(names, _joined([rows[index] for index in _TRIAL]))
    except Exception as error:  # runtimes have no common base for what a graph raises
        logger.info("rows are not joined, for they could not be tried: %s", error)
        return False
    return all(
        _is_same(np.concatenate([alone[index][at] for index in _TRIAL]), together[at])
        for at in range(len(names))
    )


def _joined(rows: list[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    return {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}


def _random_row(spec: TensorSpec, index: int, random: np.random.Generator) -> Tensor:
    """One row; free axes have length 2.  Whole numbers are 0 and 1, which most graphs take."""
    shape = (1, *(2 if size is None else size for size in (spec.shape or (None,))[1:]))
    if np.dtype(spec.dtype).kind == "f":
        return random.random(shape).astype(spec.dtype)
    low = random.integers(0, 2, shape) if index > 1 else np.full(shape, index)
    return low.astype(spec.dtype)


def _is_same(want: Tensor, got: Tensor) -> bool:
    if want.shape != got.shape:
        return False
    if want.dtype.kind in "Ob":
        return bool(np.array_equal(want, got))
    return bool(np.allclose(got, want, _RTOL, _ATOL, equal_nan=True))
