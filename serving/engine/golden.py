"""Whether a loaded version still answers as its source model did, and how fast."""

from __future__ import annotations

import logging
import time
import zipfile
from pathlib import Path

import numpy as np

from model_store.errors import BadVersion
from model_store.spec import DEFAULT_SIGNATURE, ModelVersion, Signature, TensorSpec
from serving.api.calls import Tensor, Tensors
from serving.engine.session import Session

logger = logging.getLogger(__name__)

# Other processors round otherwise; a wrong graph is wrong by far more.
GOLDEN_RTOL, GOLDEN_ATOL = 1e-3, 1e-4
_WARM_RUNS = 20
# A slow model is warm after fewer runs than it takes to time a fast one.
_WARM_S = 2.0


def read_golden(path: Path) -> Tensors:
    """Read the golden samples of a version.

    Raises:
        BadVersion: The file is damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: _as_ours(archive[name]) for name in archive.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise BadVersion(f"{path} cannot be read: {error}") from error


def golden_of(
    signature: str, golden: Tensors, model: ModelVersion, promised: Signature
) -> tuple[Tensors, Tensors] | None:
    """Inputs and outputs of one signature's golden samples; None where it has none.

    Raises:
        BadVersion: An array is missing.
    """
    prefix = "" if signature == DEFAULT_SIGNATURE else f"{signature}/"
    if not any(name.startswith((f"{prefix}input:", f"{prefix}output:")) for name in golden):
        return None
    try:
        inputs = {spec.name: golden[f"{prefix}input:{spec.name}"] for spec in promised.inputs}
        return inputs, {
            spec.name: golden[f"{prefix}output:{spec.name}"] for spec in promised.outputs
        }
    except KeyError as error:
        raise BadVersion(f"{model}: the golden samples have no array {error}") from error


def check_golden(model: ModelVersion, session: Session, inputs: Tensors, wanted: Tensors) -> None:
    """Run golden samples and compare with the source model's outputs.

    Raises:
        BadVersion: An output is not what it was when the version was exported.
    """
    for (name, want), got in zip(wanted.items(), session.run(tuple(wanted), inputs), strict=True):
        if got.shape != want.shape or not _is_close(want, got):
            raise BadVersion(
                f"{model}: output {name} of the golden samples is not what the source model "
                "gave; the version is damaged or this processor computes it wrongly"
            )


def warm_row_seconds(session: Session, signature: Signature) -> float:
    """Warm the session with rows of zeros and time them; inf where zeros cannot be run.

    Free axes get length 1.  That a model refuses such a row is no fault of the model: an
    empty string is no image, say.
    """
    inputs = zero_row(signature)
    names = [spec.name for spec in signature.outputs]
    times: list[float] = []
    while len(times) < _WARM_RUNS and sum(times) < _WARM_S:
        start = time.perf_counter()
        try:
            session.run(names, inputs)
        except Exception as error:  # runtimes have no common base for what a graph raises
            logger.info("a row of zeros cannot warm the model: %s", error)
            return float("inf")
        times.append(time.perf_counter() - start)
    return float(np.median(times[len(times) // 2 :]))


def zero_row(signature: Signature) -> Tensors:
    """One row of zeros; free axes have length 1."""
    return {spec.name: _zeros(spec) for spec in signature.inputs}


def _zeros(spec: TensorSpec) -> Tensor:
    shape = [1 if size is None else size for size in spec.shape or ()]
    return np.full(shape, b"", object) if spec.dtype == "bytes" else np.zeros(shape, spec.dtype)


def _as_ours(tensor: Tensor) -> Tensor:
    """Numpy's files hold byte strings as a fixed-width dtype; tensors hold objects."""
    return tensor.astype(object) if tensor.dtype.kind == "S" else tensor


def _is_close(want: Tensor, got: Tensor) -> bool:
    """Whether values agree; NaN agrees with nothing."""
    if want.dtype.kind in "Ob":
        return bool(np.array_equal(want, got))
    return bool(np.allclose(got, want, GOLDEN_RTOL, GOLDEN_ATOL))
