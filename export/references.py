"""What authors' own code makes of a picture, to hold ours against.

The named ones are written out from what those libraries' documentation has everybody copy; an
author's own comes as arrays, or as a function that runs in a source's process
(``export.sources.reference``).
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from export.tensors import Tensors
from model_store.errors import ExportRefused

Size = tuple[int, int]
Array = NDArray[Any]
_NOT_AN_ARRAY = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error)
_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
_DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)


@dataclass(frozen=True, slots=True)
class Reference:
    """The author's own way from a picture's file to the source's input.

    Attributes:
        title: For the report.
        tensor: Of one picture, without a batch axis: uint8 pixels, or numbers as the source
            takes them, in its order of axes.
    """

    title: str
    tensor: Callable[[Path], Array]


def _teachable_machine(path: Path, size: Size) -> Array:
    with Image.open(path) as picture:
        fitted = ImageOps.fit(picture.convert("RGB"), (size[1], size[0]), Image.Resampling.LANCZOS)
    return np.asarray(fitted).astype(np.float32) / np.float32(127.5) - np.float32(1)


def _imagenet_torch(path: Path, size: Size) -> Array:
    """Resize(256) and CenterCrop(224) in proportion to *size*, ToTensor, Normalize."""
    with Image.open(path) as opened:
        picture = opened.convert("RGB")
    short = round(max(size) * 256 / 224)
    width, height = picture.size
    ends = (short, int(short * height / width)) if width <= height else None
    resized = picture.resize(
        ends or (int(short * width / height), short), Image.Resampling.BILINEAR
    )
    top, left = round((resized.height - size[0]) / 2), round((resized.width - size[1]) / 2)
    cut = np.asarray(resized)[top : top + size[0], left : left + size[1]]
    scaled: Array = (cut.astype(np.float32) / np.float32(255) - _MEAN) / _DEVIATION
    return scaled.transpose(2, 0, 1)


def _keras_image_utils(path: Path, size: Size) -> Array:
    """keras.utils.image_dataset_from_directory: bilinear between neighbours, no antialiasing."""
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB"), np.float32)
    rows = _between(pixels, size[0], 0)
    return _between(rows, size[1], 1) / np.float32(127.5) - np.float32(1)


def _keras_load_img(path: Path, size: Size) -> Array:
    """keras.utils.load_img(target_size=...), whose filter is the nearest pixel."""
    with Image.open(path) as picture:
        resized = picture.convert("RGB").resize((size[1], size[0]), Image.Resampling.NEAREST)
    return np.asarray(resized, np.float32) / np.float32(127.5) - np.float32(1)


def _between(pixels: Array, length: int, axis: int) -> Array:
    """Resize one axis by the two nearest lines, pixels' centres on pixels' centres."""
    present = pixels.shape[axis]
    at = (np.arange(length, dtype=np.float32) + np.float32(0.5)) * np.float32(
        present / length
    ) - np.float32(0.5)
    below = np.floor(at)
    weight = (at - below).reshape([-1 if index == axis else 1 for index in range(3)])
    low, high = (np.clip(line, 0, present - 1).astype(int) for line in (below, below + 1))
    first, second = pixels.take(low, axis), pixels.take(high, axis)
    mixed: Array = first + (second - first) * weight
    return mixed


NAMED: Mapping[str, Callable[[Path, Size], Array]] = {
    "teachable-machine": _teachable_machine,
    "imagenet-torch": _imagenet_torch,
    "keras-image-utils": _keras_image_utils,
    "keras-load-img": _keras_load_img,
}


def named_reference(name: str, size: Size) -> Reference:
    """One of ``NAMED``, for pictures of *size*.

    Raises:
        ExportRefused: There is none of that name.
    """
    if name not in NAMED:
        raise ExportRefused(
            f"--reference {name}: give a folder or .npz of arrays, package.module:function, or "
            f"one of {', '.join(NAMED)}"
        )
    return Reference(name, lambda path: NAMED[name](path, size))


def given_reference(path: Path) -> Reference:
    """Arrays that the author's own code made: ``cat.npy`` for ``cat.png``, in a folder or .npz.

    Raises:
        ExportRefused: The file cannot be read.
    """
    if path.is_dir():
        return Reference(f"arrays in {path.name}", lambda picture: _read(path, picture.stem))
    try:
        with np.load(path, allow_pickle=False) as archive:
            tensors = {name: archive[name] for name in archive.files}
    except (*_NOT_AN_ARRAY, AttributeError, TypeError) as error:
        raise ExportRefused(f"--reference {path}: it is no .npz of arrays: {error}") from error
    return made_reference(f"arrays in {path.name}", tensors)


def made_reference(title: str, tensors: Tensors) -> Reference:
    """Arrays by the pictures' names, with or without their endings."""

    def tensor(picture: Path) -> Array:
        for name in (picture.name, picture.stem):
            if name in tensors:
                return tensors[name]
        raise ExportRefused(f"the reference ({title}) has no array {picture.stem!r}")

    return Reference(title, tensor)


def _read(folder: Path, stem: str) -> Array:
    path = folder / f"{stem}.npy"
    try:
        with path.open("rb") as file:
            return np.asarray(np.load(file, allow_pickle=False))
    except _NOT_AN_ARRAY as error:
        raise ExportRefused(f"the reference {path} cannot be read: {error}") from error
