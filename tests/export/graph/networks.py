"""Networks that tell four kinds of pictures apart, seeded, and fitted without a framework."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto

from export.graph.prelude import insert
from export.graph.trials import Evidence
from export.sources.source import Prelude
from tests.export.graph.graphs import model, node, run, tensor

CLASSES, SIDE, ROWS = 4, 16, 48
_PRELUDE = Prelude("image", "x", (SIDE, SIDE), (1 / 127.5,) * 3, (-1.0,) * 3, True)


@dataclass(frozen=True)
class Network:
    graph: onnx.ModelProto
    evidence: Evidence


def pictures() -> tuple[np.ndarray, np.ndarray]:
    """``uint8[48, 16, 16, 3]`` in four colours with noise, and which colour each is."""
    rng = np.random.default_rng(5)
    labels = np.arange(ROWS) // (ROWS // CLASSES)  # sorted by class, as a folder's often are
    colours = np.array([[200, 60, 60], [60, 200, 60], [60, 60, 200], [180, 180, 60]])
    noise = rng.normal(0, 25, (ROWS, SIDE, SIDE, 3))
    return (colours[labels][:, None, None] + noise).clip(0, 255).astype(np.uint8), labels


def cnn() -> Network:
    """Two convolutions with normalisation, pooling, a dense layer and Softmax."""
    rng = np.random.default_rng(6)
    held: dict[str, Any] = {
        "w1": rng.normal(0, 0.2, (8, 3, 3, 3)),
        "w2": rng.normal(0, 0.2, (16, 8, 3, 3)),
        "s": rng.uniform(0.5, 1.5, 8), "b": rng.normal(0, 0.1, 8),
        "m": rng.normal(0, 0.1, 8), "v": rng.uniform(0.5, 1.5, 8),
    }  # fmt: skip
    body = [
        node("Conv", "x w1", "c1", pads=[1] * 4), node("BatchNormalization", "c1 s b m v", "n1"),
        node("Relu", "n1", "r1"), node("Conv", "r1 w2", "c2", pads=[1] * 4, strides=[2, 2]),
        node("Relu", "c2", "r2"), node("GlobalAveragePool", "r2", "p"),
        node("Flatten", "p", "features"),
    ]  # fmt: skip
    return _fitted(body, held)


def mlp() -> Network:
    """Two dense layers and Softmax."""
    rng = np.random.default_rng(7)
    held = {"w1": rng.normal(0, 0.03, (3 * SIDE * SIDE, 32))}
    body = [node("Flatten", "x", "f"), node("MatMul", "f w1", "h"), node("Relu", "h", "features")]
    return _fitted(body, held)


def _fitted(body: list[Any], held: dict[str, Any]) -> Network:
    """*body* with a last layer that answers right, and the prelude before it."""
    held = {name: np.asarray(value, np.float32) for name, value in held.items()}
    ends = [tensor("x", ["batch", 3, SIDE, SIDE])], [tensor("features", ["batch", None])]
    pixels, labels = pictures()
    features = run(insert(model(body, *ends, held), _PRELUDE), image=pixels)["features"]
    padded = np.hstack([features, np.ones((ROWS, 1))])
    fit = np.linalg.lstsq(padded, 8 * np.eye(CLASSES)[labels], rcond=1e-3)[0].astype(np.float32)
    held |= {"w9": fit[:-1], "b9": fit[-1]}
    head = [node("Gemm", "features w9 b9", "logits"), node("Softmax", "logits", "scores")]
    outputs = [tensor("scores", ["batch", CLASSES], TensorProto.FLOAT)]
    graph = insert(model([*body, *head], ends[0], outputs, held), _PRELUDE)
    evidence = Evidence({"image": pixels}, run(graph, image=pixels), labels)
    return Network(graph, evidence)
