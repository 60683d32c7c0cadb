"""Versions that must not be served, each published whole, as a careless exporter would."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from model_store.digests import digest_folder
from model_store.manifest import Manifest
from model_store.spec import DEFAULT_SIGNATURE, ModelVersion
from model_store.store import Store
from tests.support import TIMES_TWO, linear_graph, save_graph

X = np.float32([[1, 2, 3]])
Spoil = Callable[[Path, Manifest], Manifest]


def publish(
    root: Path,
    fill: Callable[[Path], object],
    spoil: Spoil,
) -> ModelVersion:
    """Publish a version of ``double`` that *spoil* has changed after its digests were taken."""
    with Store(root).publishing("double") as (folder, finish):
        fill(folder)

        def describe(model: ModelVersion) -> Manifest:
            files = digest_folder(folder)
            golden = "golden.npz" if "golden.npz" in files else None
            manifest = Manifest(
                model, "onnx", "", {DEFAULT_SIGNATURE: TIMES_TWO}, files, golden_file=golden
            )
            return spoil(folder, manifest)

        return finish(describe)


def good(folder: Path) -> None:
    linear_graph(folder / "model.onnx", TIMES_TWO, 2)


def of_a_later_opset(folder: Path) -> None:
    good(folder)
    graph = onnx.load(folder / "model.onnx")
    graph.opset_import[0].version = 999
    (folder / "model.onnx").write_bytes(graph.SerializeToString())


def of_nan(folder: Path) -> None:
    """Its graph gives NaN, as its source did."""
    graph = helper.make_graph(
        [
            helper.make_node("Sub", ["x", "x"], ["zero"]),
            helper.make_node("Div", ["zero", "zero"], ["y"]),
        ],
        "nan",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 3])],
    )
    save_graph(folder / "model.onnx", graph)
    np.savez(folder / "golden.npz", **{"input:x": X, "output:y": X * np.nan})


def nothing(_: Path, manifest: Manifest) -> Manifest:
    return manifest


def altered(folder: Path, manifest: Manifest) -> Manifest:
    data = bytearray((folder / "model.onnx").read_bytes())
    data[-1] ^= 1
    (folder / "model.onnx").write_bytes(data)
    return manifest


def truncated(folder: Path, manifest: Manifest) -> Manifest:
    os.truncate(folder / "model.onnx", 10)
    return manifest


def missing(folder: Path, manifest: Manifest) -> Manifest:
    (folder / "model.onnx").unlink()
    return manifest


def oversized(folder: Path, manifest: Manifest) -> Manifest:
    os.truncate(folder / "model.onnx", 1 << 40)  # sparse; hashing it would take minutes
    return manifest


def hard_linked(folder: Path, manifest: Manifest) -> Manifest:
    os.link(folder / "model.onnx", folder.parent.parent / f"{folder.name}.outside")
    return manifest


def symbolic_link(folder: Path, manifest: Manifest) -> Manifest:
    outside = folder.parent.parent / f"{folder.name}.outside"
    (folder / "model.onnx").rename(outside)
    (folder / "model.onnx").symlink_to(outside)
    return manifest


def with_a_stranger(folder: Path, manifest: Manifest) -> Manifest:
    (folder / "weights.bin").write_bytes(b"checked by nobody")
    return manifest


def of_another_model(_: Path, manifest: Manifest) -> Manifest:
    return replace(manifest, model=ModelVersion("triple", manifest.model.number))


# What is wrong, what the status must say of it.
BAD: dict[str, tuple[Callable[[Path], object], Spoil, str]] = {
    "altered": (good, altered, "was altered"),
    "truncated": (good, truncated, "was altered"),
    "missing": (good, missing, "is missing"),
    "oversized": (good, oversized, "was altered"),
    "hard-linked": (good, hard_linked, "is hard-linked"),
    "symbolic link": (good, symbolic_link, "is a symbolic link"),
    "a stranger": (good, with_a_stranger, "weights.bin is not in the manifest"),
    "another model": (good, of_another_model, "says it is triple"),
    "later opset": (of_a_later_opset, nothing, "cannot load it"),
    "NaN": (of_nan, nothing, "golden samples"),
}
