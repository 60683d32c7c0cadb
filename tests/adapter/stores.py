"""Stores to test with: versions that have a manifest and labels, and no graph."""

from __future__ import annotations

from pathlib import Path

from model_store.contract import ImageContract
from model_store.digests import digest_folder
from model_store.manifest import Manifest
from model_store.spec import ModelVersion, Signature, TensorSpec
from model_store.store import Store
from tests.fakes import FakeServable, always


def publish(
    root: Path,
    contract: ImageContract | None,
    labels: tuple[str, ...] = (),
    name: str = "numbers",
    classes: int = 10,
) -> ModelVersion:
    """Publish one version of an image classifier."""
    image = TensorSpec("image", "uint8", (None,)) if contract is None else spec_of(contract)
    signature = Signature((image,), (TensorSpec("scores", "float32", (None, classes)),))
    with Store(root).publishing(name) as (folder, finish):
        if labels:
            (folder / "labels.txt").write_text("".join(f"{label}\n" for label in labels), "utf-8")
        return finish(
            lambda model: Manifest(
                model=model,
                format="onnx",
                created="2026-11-22T12:00:00+00:00",
                signatures={"serving_default": signature},
                files=digest_folder(folder),
                input_contract=contract,
                labels_file="labels.txt" if labels else None,
            )
        )


def spec_of(contract: ImageContract) -> TensorSpec:
    return TensorSpec(contract.tensor, "uint8", (None, *contract.shape))


def sure_of(digit: int, contract: ImageContract, classes: int = 10) -> FakeServable:
    """A classifier that is 91 % sure of one digit, whatever is drawn."""
    scores = [0.01] * classes
    scores[digit] = 0.91
    return always(*scores, image=spec_of(contract))
