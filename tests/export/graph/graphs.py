"""Small graphs, made by hand, and a way to run them."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT


def tensor(name: str, shape: list[int | str | None] | None, dtype: int = FLOAT) -> Any:
    return helper.make_tensor_value_info(name, dtype, shape)


def model(
    nodes: list[Any],
    inputs: list[Any],
    outputs: list[Any],
    constants: dict[str, Any] | None = None,
    opset: int = 18,
) -> onnx.ModelProto:
    held = [
        numpy_helper.from_array(np.asarray(value), name)
        for name, value in (constants or {}).items()
    ]
    graph = helper.make_graph(nodes, "graph", inputs, outputs, held)
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8, producer_name="hand"
    )


def node(operation: str, inputs: str, outputs: str, **attributes: Any) -> Any:
    """``node("Add", "x y", "sum")``."""
    return helper.make_node(
        operation, inputs.split(), outputs.split(), name=f"the_{outputs.split()[0]}", **attributes
    )


def session(graph: onnx.ModelProto) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return ort.InferenceSession(
        graph.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def run(graph: onnx.ModelProto, **inputs: Any) -> dict[str, Any]:
    found = session(graph)
    names = [output.name for output in found.get_outputs()]
    return dict(zip(names, found.run(names, inputs), strict=True))
