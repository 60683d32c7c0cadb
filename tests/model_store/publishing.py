"""Publishing from other processes: ``python -m tests.model_store.publishing WHAT STORE``."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

from model_store.digests import digest_folder
from model_store.manifest import Manifest
from model_store.spec import ModelVersion, Signature, TensorSpec
from model_store.store import Store

SIGNATURE = Signature(
    (TensorSpec("image", "uint8", (None, 2, 2, 1)),), (TensorSpec("scores", "float32", (None, 3)),)
)


def describe(folder: Path, model: ModelVersion, **more) -> Manifest:
    return Manifest(
        model=model,
        format="onnx",
        created="2026-11-22T12:00:00+00:00",
        signatures={"serving_default": SIGNATURE},
        files=digest_folder(folder),
        **more,
    )


def publish(store: Store, name: str = "numbers", content: bytes = b"graph") -> ModelVersion:
    """One version with a file of *content*."""
    with store.publishing(name) as (folder, finish):
        (folder / "model.onnx").write_bytes(content)
        return finish(lambda model: describe(folder, model))


def publish_proven(
    store: Store, name: str = "numbers", *, passed: object = True, content: bytes = b"graph"
) -> ModelVersion:
    """One version with a parity report."""
    with store.publishing(name) as (folder, finish):
        (folder / "model.onnx").write_bytes(content)
        (folder / "parity.json").write_text(json.dumps({"passed": passed}))
        return finish(lambda model: describe(folder, model, parity_file="parity.json"))


def publish_many(store: Store) -> None:
    """Publish five versions as fast as can be, when told to by a line on standard input."""
    print("ready", flush=True)
    sys.stdin.readline()
    for _ in range(5):
        print(publish(store, content=str(os.getpid()).encode()).number, flush=True)


def die_with_files_written(store: Store) -> None:
    with store.publishing("numbers") as (folder, _):
        (folder / "model.onnx").write_bytes(b"graph")
        os.kill(os.getpid(), signal.SIGKILL)


def die_while_describing(store: Store) -> None:
    def die(_: ModelVersion) -> Manifest:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError

    with store.publishing("numbers") as (folder, finish):
        (folder / "model.onnx").write_bytes(b"graph")
        finish(die)


if __name__ == "__main__":
    globals()[sys.argv[1]](Store(Path(sys.argv[2])))
