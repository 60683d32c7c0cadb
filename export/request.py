"""Reading what the author gave: contract, labels, samples."""

from __future__ import annotations

import argparse
import json
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from export.scaling import Scaling, parse_number
from model_store import contract as contracts
from model_store.contract import ImageContract, InkCentring
from model_store.errors import BadVersion, ExportRefused, InvalidRequest
from model_store.preprocess import to_tensor

_PICTURES = {".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp"}
_SEED = 0
# What numpy raises for a missing file, other formats, a missing array and damage; a TypeError
# is an .npy file, which is no archive.
_NOT_AN_NPZ = (
    OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """What the author asked for.

    Attributes:
        source: The model file.
        name: The model's name in the store.
        contract: How a picture becomes the input tensor.
        scaling: What is put into the graph.
        labels: Class names in the order of the scores; may be empty.
        samples: Wire tensors for parity: ``uint8[N, height, width, channels]``.
        samples_text: What they are, for the report.
        tag: A human name for the version.
    """

    source: Path
    name: str
    contract: ImageContract
    scaling: Scaling
    labels: tuple[str, ...]
    samples: NDArray[np.uint8]
    samples_text: str
    tag: str = ""


def read_request(flags: argparse.Namespace) -> ExportRequest:
    """Everything but the model itself, read and checked.

    Raises:
        ExportRefused: Something is missing or cannot be read; says which flag mends it.
    """
    contract = read_contract(flags)
    samples, text = read_samples(flags.samples, contract)
    return ExportRequest(
        source=flags.source,
        name=flags.name,
        contract=contract,
        scaling=Scaling(parse_number(flags.scale), parse_number(flags.offset)),
        labels=read_labels(flags.labels),
        samples=samples,
        samples_text=text,
        tag=flags.tag,
    )


def read_contract(flags: argparse.Namespace) -> ImageContract:
    """The contract from its file, or from the single flags."""
    if flags.input_contract is not None:
        try:
            return contracts.from_json(json.loads(flags.input_contract.read_text("utf-8")))
        except (OSError, ValueError, RecursionError, BadVersion) as error:
            raise ExportRefused(f"--input-contract {flags.input_contract}: {error}") from error
    channels = contracts.CHANNELS[flags.mode]
    try:
        return ImageContract(
            tensor="image",
            size=_size(flags.size),
            mode=flags.mode,
            background=(flags.background,) * channels,
            resize=flags.resize,
            fit=flags.fit if flags.ink_box is None else "contain",
            invert=flags.invert,
            ink=None if flags.ink_box is None else InkCentring(flags.ink_box),
        )
    except BadVersion as error:
        raise ExportRefused(str(error)) from error


def _size(text: str) -> tuple[int, int]:
    """``224`` or ``HEIGHTxWIDTH``."""
    height, times, width = text.partition("x")
    if not times:
        width = height
    if not height.isdecimal() or not width.isdecimal():
        raise ExportRefused(f"--size {text}: write 224 or HEIGHTxWIDTH")
    return int(height), int(width)


def read_labels(path: Path | None) -> tuple[str, ...]:
    """Class names, one a line; a number before the name, as in ``0 cat``, is dropped.

    Raises:
        ExportRefused: The file cannot be read, is empty or has an empty line.
    """
    if path is None:
        return ()
    try:
        # Editors on Windows begin UTF-8 files with a byte order mark.
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ExportRefused(f"--labels {path}: {error}") from error
    numbered = [line.partition(" ") for line in lines]
    if all(number == str(index) and name for index, (number, _, name) in enumerate(numbered)):
        lines = [name for _, _, name in numbered]
    labels = tuple(line.strip() for line in lines)
    if not labels:
        raise ExportRefused(f"--labels {path}: it is empty")
    if not all(labels):
        raise ExportRefused(f"--labels {path}: line {labels.index('') + 1} is empty")
    return labels


def read_samples(path: Path | None, contract: ImageContract) -> tuple[NDArray[np.uint8], str]:
    """Wire tensors to prove parity on, and what they are.

    A folder's pictures go through the input contract; an ``.npz`` holds the tensors
    themselves under the input's name; without either they are random.

    Raises:
        ExportRefused: There are none, or one cannot be read.
    """
    if path is None:
        noise = np.random.default_rng(_SEED).integers(0, 256, (64, *contract.shape), np.uint8)
        return noise, f"64 random tensors, seed {_SEED}"
    if path.is_dir():
        return _read_pictures(path, contract), f"pictures in {path.name}"
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return archive[contract.tensor], f"{path.name}, array {contract.tensor!r}"
    except _NOT_AN_NPZ as error:
        raise ExportRefused(
            f"--samples {path}: give a folder of pictures, or an .npz with an array "
            f"{contract.tensor!r} of uint8: {error}"
        ) from error


def _read_pictures(folder: Path, contract: ImageContract) -> NDArray[np.uint8]:
    paths = sorted(
        path for path in folder.iterdir() if path.suffix.lower() in _PICTURES and path.is_file()
    )
    if not paths:
        raise ExportRefused(f"--samples {folder}: no pictures in it")
    tensors = []
    for path in paths:
        try:
            tensors.append(to_tensor(path.read_bytes(), contract))
        except InvalidRequest as error:
            raise ExportRefused(f"--samples {path}: {error}") from error
    return np.concatenate(tensors)
