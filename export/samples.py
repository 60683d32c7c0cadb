"""The author's samples: wire tensors to prove parity on."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.tensors import Tensors
from model_store.contract import ImageContract
from model_store.errors import ExportRefused, InvalidRequest
from model_store.preprocess import to_tensor
from model_store.spec import TensorSpec

# An array of this name, that is no input, holds the right class of each row.
CLASSES = "labels"
_PICTURES = {".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".avif"}
# What numpy raises for other formats, a missing array and damage; a TypeError
# is an .npy file, which is no archive.
_NOT_AN_NPZ = (
    ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Samples:
    """Wire tensors by input, and what they are.

    Attributes:
        tensors: By input name; axis 0 is the batch axis where the input has one.
        text: For reports: ``pictures in drawings``.
        classes: The right class of each row, ``int[N]``: the archive's array ``labels``; None if
            nobody knows.
    """

    tensors: Tensors
    text: str
    classes: NDArray[Any] | None = None


def read_samples(
    path: Path, specs: tuple[TensorSpec, ...], contract: ImageContract | None
) -> Samples:
    """Read what the author gave.

    A folder's pictures go through the input contract; an ``.npz`` holds the tensors
    themselves under the inputs' names.

    Args:
        path: Folder or file.
        specs: The exported model's inputs.
        contract: How a picture becomes a tensor; None if the model takes none.

    Raises:
        ExportRefused: There are none, or one cannot be read.
    """
    if not path.is_dir():
        tensors, classes = _read_archive(path, specs)
        return Samples(tensors, f"{path.name}, {_names(specs)}", classes)
    if contract is None:
        raise ExportRefused(
            f"--samples {path}: pictures need an input contract; say --size and --mode, or give "
            f"an .npz with {_names(specs)}"
        )
    return Samples({contract.tensor: _read_pictures(path, contract)}, f"pictures in {path.name}")


def _names(specs: tuple[TensorSpec, ...]) -> str:
    names = ", ".join(repr(spec.name) for spec in specs)
    return f"array {names}" if len(specs) == 1 else f"arrays {names}"


def _read_archive(path: Path, specs: tuple[TensorSpec, ...]) -> tuple[Tensors, NDArray[Any] | None]:
    wanted = f"give a folder of pictures, or an .npz with {_names(specs)}"
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            if missing := [spec.name for spec in specs if spec.name not in archive]:
                held = ", ".join(map(repr, archive.files[:8])) or "none"
                raise ExportRefused(
                    f"--samples {path}: {wanted}; of its arrays ({held}) none is {missing[0]!r}"
                )
            tensors = {spec.name: archive[spec.name] for spec in specs}
            classes = archive[CLASSES] if CLASSES in archive and CLASSES not in tensors else None
    except OSError as error:
        raise ExportRefused(f"--samples {path}: {wanted}: {error.strerror or error}") from error
    except _NOT_AN_NPZ as error:  # numpy's own words advise to unpickle
        raise ExportRefused(f"--samples {path}: {wanted}; this is neither") from error
    rows = {len(tensor) for tensor in tensors.values() if tensor.ndim}
    if classes is not None and (
        classes.dtype.kind not in "iu" or {classes.shape} != {(n,) for n in rows}
    ):
        raise ExportRefused(
            f"--samples {path}: array {CLASSES!r} must have one whole number for each row"
        )
    return tensors, classes


def pictures_in(folder: Path) -> tuple[Path, ...]:
    """The pictures of a folder, in the order of their names."""
    return tuple(
        sorted(
            path for path in folder.iterdir() if path.suffix.lower() in _PICTURES and path.is_file()
        )
    )


def _read_pictures(folder: Path, contract: ImageContract) -> NDArray[np.uint8]:
    paths = pictures_in(folder)
    if not paths:
        is_nested = any(path.is_dir() for path in folder.iterdir())
        nested = "; folders in it are not looked into: put the pictures side by side"
        raise ExportRefused(f"--samples {folder}: no pictures in it{nested if is_nested else ''}")
    tensors = []
    for path in paths:
        try:
            tensors.append(to_tensor(path.read_bytes(), contract))
        except InvalidRequest as error:
            raise ExportRefused(f"--samples {path}: {error}") from error
    return np.concatenate(tensors)
