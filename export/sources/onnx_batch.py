"""A batch axis set free in an ONNX graph that was converted from a file with one row in it.

TFLite files are often written for one row, and are run with more by resizing: what is
baked then is only the length that they declare, and the constant shapes they reshape to.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import numpy_helper


def free_batch_axis(proto: onnx.ModelProto) -> None:
    """Make axis 0 of every input and output free, and let reshapes follow it; in place.

    Whether the rows keep apart is for parity at several batch sizes to prove.
    """
    graph = proto.graph
    for value in (*graph.input, *graph.output):
        shape = value.type.tensor_type.shape
        if shape.dim:
            shape.dim[0].Clear()
    del graph.value_info[:]  # they still say one row
    _follow(graph, _rows(graph))


def _rows(graph: onnx.GraphProto) -> set[str]:
    """Every tensor that depends on an input; nodes are in order."""
    rows = {value.name for value in graph.input}
    for node in graph.node:
        if rows.intersection(node.input):
            rows.update(node.output)
    return rows


def _follow(graph: onnx.GraphProto, rows: set[str]) -> None:
    constants = {constant.name: constant for constant in graph.initializer}
    for node in graph.node:
        if node.op_type != "Reshape" or node.input[0] not in rows or node.input[1] not in constants:
            continue
        shape = numpy_helper.to_array(constants[node.input[1]]).copy()
        if not shape.size or shape[0] != 1:
            continue
        shape[0] = 0  # as many as there are; other reshapes may share the old constant
        name = f"{node.name}/free_batch"
        graph.initializer.append(numpy_helper.from_array(shape.astype(np.int64), name))
        node.input[1] = name
