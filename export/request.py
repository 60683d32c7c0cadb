"""Reading what the author gave: contract, labels, samples."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from export.publish import ExportRequest
from export.scaling import Scaling, parse_number
from model_store import contract as contracts
from model_store.contract import ImageContract, InkCentring
from model_store.errors import BadImage, BadVersion, ExportRefused
from model_store.preprocess import to_tensor

_PICTURES = {".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp"}
_SEED = 0


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
            return contracts.from_json(json.loads(flags.input_contract.read_text()))
        except (OSError, ValueError, BadVersion) as error:
            raise ExportRefused(f"--input-contract {flags.input_contract}: {error}") from error
    channels = contracts.CHANNELS[flags.mode]
    try:
        return ImageContract(
            tensor="image",
            size=_size(flags.size),
            mode=flags.mode,
            background=(flags.background,) * channels,
            resize=flags.resize,
            fit="contain" if flags.ink_box else flags.fit,
            invert=flags.invert,
            ink=InkCentring(flags.ink_box) if flags.ink_box else None,
        )
    except BadVersion as error:
        raise ExportRefused(str(error)) from error


def _size(text: str) -> tuple[int, int]:
    """``224`` or ``HEIGHTxWIDTH``."""
    height, _, width = text.partition("x")
    if not height.isdigit() or not (width or height).isdigit():
        raise ExportRefused(f"--size {text}: write 224 or HEIGHTxWIDTH")
    return int(height), int(width or height)


def read_labels(path: Path | None) -> tuple[str, ...]:
    """Class names, one a line; a number before the name, as in ``0 cat``, is dropped.

    Raises:
        ExportRefused: The file cannot be read or has an empty line.
    """
    if path is None:
        return ()
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ExportRefused(f"--labels {path}: {error}") from error
    numbered = [line.partition(" ") for line in lines]
    if all(number == str(index) and name for index, (number, _, name) in enumerate(numbered)):
        lines = [name for _, _, name in numbered]
    labels = tuple(line.strip() for line in lines)
    if not all(labels):
        raise ExportRefused(f"--labels {path}: line {labels.index('') + 1} is empty")
    return labels


def read_samples(
    path: Path | None, contract: ImageContract
) -> tuple[NDArray[np.uint8], str]:
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
        with np.load(path, allow_pickle=False) as archive:
            return archive[contract.tensor], f"{path.name}, array {contract.tensor!r}"
    except (OSError, ValueError, KeyError) as error:
        raise ExportRefused(
            f"--samples {path}: give a folder of pictures, or an .npz with an array "
            f"{contract.tensor!r} of uint8: {error}"
        ) from error


def _read_pictures(folder: Path, contract: ImageContract) -> NDArray[np.uint8]:
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in _PICTURES)
    if not paths:
        raise ExportRefused(f"--samples {folder}: no pictures in it")
    tensors = []
    for path in paths:
        try:
            tensors.append(to_tensor(path.read_bytes(), contract))
        except BadImage as error:
            raise ExportRefused(f"--samples {path}: {error}") from error
    return np.concatenate(tensors)
