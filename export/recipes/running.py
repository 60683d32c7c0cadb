"""What every recipe does: read its flags, end with one sentence, run what it has published."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from model_store.contract import ImageContract
from model_store.errors import EaselError, ExportRefused
from model_store.manifest import Manifest
from model_store.spec import ModelVersion
from model_store.store import Store


@dataclass(frozen=True, slots=True)
class Flags:
    """What a recipe is told.

    Attributes:
        work: Where its files go.
        store: Where it is published.
        is_trained: Take the trained model that lies beside the recipe.
    """

    work: Path
    store: Path
    is_trained: bool = False


def read_flags(name: str, description: str | None, trained: Path | None = None) -> Flags:
    """Read the flags of a recipe; *trained* is what lies beside one that trains."""
    parser = argparse.ArgumentParser(
        description=description, prog=f"python -m export.recipes.{name}"
    )
    parser.add_argument(
        "--work", type=Path, default=Path("build") / name, help="where its files go"
    )
    parser.add_argument(
        "--store", type=Path, default=Path("build/models"), help="where it is published"
    )
    if trained is not None:
        parser.add_argument(
            "--trained", action="store_true", help=f"take {trained.name} as it is; do not train"
        )
    given = parser.parse_args()
    return Flags(given.work, given.store, trained is not None and given.trained)


def recipe(main: Callable[[], None]) -> None:
    """Run *main*; what it refuses is one sentence on standard error, and status 1."""
    try:
        main()
    except EaselError as error:
        sys.exit(f"error: {error}")


@dataclass(frozen=True, slots=True)
class Running:
    """A version's manifest and its graph in ONNX Runtime.

    Attributes:
        manifest: What it promises.
        contract: How a picture becomes its input.
        session: ONNX Runtime's.
    """

    manifest: Manifest
    contract: ImageContract
    session: Any

    def __call__(self, pixels: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
        """Outputs by name for ``uint8[N, height, width, channels]``."""
        names = [output.name for output in self.session.get_outputs()]
        given = {self.contract.tensor: pixels}
        return dict(zip(names, self.session.run(names, given), strict=True))


def newest(store: Path, name: str) -> Running:
    """Load the newest version of *name*.

    Raises:
        ExportRefused: There is none, or it is not an ONNX graph for pictures.
    """
    versions = Store(store).versions(name)
    if not versions:
        raise ExportRefused(f"{store} has no version of {name}")
    found = ModelVersion(name, max(versions))
    manifest = Store(store).verify(found)
    if manifest.format != "onnx" or manifest.input_contract is None:
        raise ExportRefused(f"{manifest.model} is no ONNX graph for pictures")
    session = ort.InferenceSession(
        str(Store(store).folder(found) / "model.onnx"), providers=["CPUExecutionProvider"]
    )
    return Running(manifest, manifest.input_contract, session)
