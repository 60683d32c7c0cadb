"""ONNX files as a source: today's, yesterday's, and with branches."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from export.kinds import ONNX
from tests.export.zoo.entry import Entry
from tests.support import BUNDLED_STORE

_WEIGHTS = np.linspace(-1, 1, 30, dtype=np.float32).reshape(3, 10)


def bundled(folder: Path) -> Path:
    found = max((BUNDLED_STORE / "numbers").glob("*/model.onnx"))
    return Path(shutil.copy(found, folder / "numbers.onnx"))


def old(folder: Path) -> Path:
    """Opset 9, whose Softmax flattens, with the weights among the inputs as was the custom."""
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["h"]),
        helper.make_node("Softmax", ["h"], ["scores"], axis=1),
    ]
    return _saved(nodes, folder, opset=9, ir_version=3, with_input=True)


def branching(folder: Path) -> Path:
    one, other = (
        helper.make_graph(
            [helper.make_node(operation, ["h"], [name])],
            name,
            [],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 10])],
        )
        for operation, name in (("Relu", "then"), ("Neg", "else"))
    )
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["h"]),
        helper.make_node("ReduceSum", ["x"], ["sum"], keepdims=0),
        helper.make_node("Greater", ["sum", "zero"], ["is_warm"]),
        helper.make_node("If", ["is_warm"], ["scores"], then_branch=one, else_branch=other),
    ]
    return _saved(nodes, folder, opset=17, ir_version=8)


def _saved(
    nodes: list[onnx.NodeProto],
    folder: Path,
    *,
    opset: int,
    ir_version: int,
    with_input: bool = False,
) -> Path:
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3])]
    if with_input:
        inputs.append(helper.make_tensor_value_info("w", TensorProto.FLOAT, [3, 10]))
    outputs = [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 10])]
    held = [numpy_helper.from_array(_WEIGHTS, "w")]
    held += [numpy_helper.from_array(np.float32(0), "zero")] * (not with_input)
    graph = helper.make_graph(nodes, "g", inputs, outputs, held)
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir_version
    )
    onnx.save(model, folder / "model.onnx")
    return folder / "model.onnx"


ENTRIES = (
    Entry("republished", ONNX, "the bundled numbers, scaling inside already", bundled),
    Entry("old-opset", ONNX, "opset 9, weights among the inputs", old),
    Entry("branching", ONNX, "a branch inside the graph", branching),
)
