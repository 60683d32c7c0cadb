"""One model for every kind of server: a row's sum, and the number of the version that summed.

``sums/1`` and ``sums/2`` take ``image: uint8[N, 2, 2, 1]``; 2 is live.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from onnx import TensorProto, helper, numpy_helper

from export.mar import Archive, write_archive
from model_store.digests import digest_folder
from model_store.manifest import Manifest
from model_store.spec import DEFAULT_SIGNATURE, ModelVersion, Signature, TensorSpec
from model_store.store import Store
from tests.support import ROOT, save_graph

MODEL = "sums"
IMAGE = TensorSpec("image", "uint8", (None, 2, 2, 1))
SIGNATURE = Signature((IMAGE,), (TensorSpec("scores", "float32", (None, 2)),))
LIVE, OTHER = 2, 1
KSERVE = Path(__file__).with_name("kserve_sums.py")
_TRITON = ROOT / "tests" / "conformance" / "triton_model.py"


def sums_of(images: np.ndarray, version: int) -> np.ndarray:
    """What version *version* answers: float32[N, 2]."""
    total = images.sum(axis=(1, 2, 3), dtype=np.float32)
    return np.stack([total, np.full_like(total, version)], axis=1)


def write_store(root: Path) -> Path:
    """Publish both versions; the root."""
    for _ in (OTHER, LIVE):
        with Store(root).publishing(MODEL) as (folder, publish):
            number = 1 + len(Store(root).versions(MODEL)) if (root / MODEL).exists() else 1
            _save_graph(folder / "model.onnx", number)
            publish(
                lambda model: Manifest(
                    model=model,
                    format="onnx",
                    created="2026-01-01T00:00:00+00:00",
                    signatures={DEFAULT_SIGNATURE: SIGNATURE},
                    files=digest_folder(folder),
                )
            )
    labels = {"labels": {"old": OTHER, "stable": LIVE}}
    (root / MODEL / "deployment.json").write_text(json.dumps(labels))
    return root


def _save_graph(path: Path, number: int) -> None:
    constants = {
        "flat": np.array([-1, 4], np.int64),
        "weights": np.array([[1, 0]] * 4, np.float32),
        "number": np.array([0, number], np.float32),
    }
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Reshape", ["float", "flat"], ["rows"]),
        helper.make_node("MatMul", ["rows", "weights"], ["total"]),
        helper.make_node("Add", ["total", "number"], ["scores"]),
    ]
    graph = helper.make_graph(
        nodes, "sums",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", 2, 2, 1])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", 2])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )  # fmt: skip
    save_graph(path, graph)


def write_triton_repository(root: Path) -> Path:
    """Both versions for Triton; the root."""
    for number in (OTHER, LIVE):
        folder = root / MODEL / str(number)
        folder.mkdir(parents=True)
        _save_graph(folder / "model.onnx", number)
        (folder / "model.py").write_text(_TRITON.read_text())
    (root / MODEL / "config.pbtxt").write_text(
        f'name: "{MODEL}"\nbackend: "python"\nmax_batch_size: 1000000\n'
        "version_policy: { all: {} }\n"
        'input [{ name: "image" data_type: TYPE_UINT8 dims: [2, 2, 1] }]\n'
        'output [{ name: "scores" data_type: TYPE_FP32 dims: [2] }]\n'
    )
    return root


class _Sums(torch.nn.Module):
    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = float(number)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        total = image.float().flatten(1).sum(dim=1)
        return torch.stack([total, torch.full_like(total, self.number)], dim=1)


def write_archives(folder: Path) -> Path:
    """Both versions for TorchServe, as ``easel export --to mar`` makes them; their folder."""
    example = (torch.zeros((3, 2, 2, 1), dtype=torch.uint8),)
    for number in (OTHER, LIVE):
        program = folder / str(number) / "model.pt2"
        program.parent.mkdir(parents=True)
        shapes = {"image": {0: torch.export.Dim("rows")}}
        torch.export.save(
            torch.export.export(_Sums(number), example, dynamic_shapes=shapes), program
        )
        archive = Archive(ModelVersion(MODEL, number), program, SIGNATURE, SIGNATURE)
        write_archive(archive, folder / "archives" / f"{MODEL}-{number}.mar")
    return folder / "archives"
