"""Weights kept as float16 in the file and cast back when it is loaded: half the bytes, float32 speed.

The computation stays float32, since a CPU has no faster one; only the rounding of the weights
remains, and ``export.graph.choice`` says what that does to the answers.
"""

from __future__ import annotations

from itertools import chain

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from export.graph.names import all_names, copied, unused

_MIN_ELEMENTS = 64
_LARGEST = float(np.finfo(np.float16).max)


def store_float16(model: onnx.ModelProto) -> onnx.ModelProto:
    """*model* with its large float32 constants stored in half.

    A constant with a value that float16 cannot hold stays as it is.
    """
    result = copied(model)
    graph = result.graph
    taken, casts = all_names(graph), []
    outputs = {value.name for value in chain(graph.output, graph.input)}
    for tensor in graph.initializer:
        values = _halved(tensor)
        if values is None or tensor.name in outputs:
            continue
        name = unused(f"{tensor.name}/float16", taken)
        taken.add(name)
        casts.append(
            helper.make_node("Cast", [name], [tensor.name], f"{name}/cast", to=TensorProto.FLOAT)
        )
        tensor.CopyFrom(numpy_helper.from_array(values, name))
    rest = list(graph.node)
    del graph.node[:]
    graph.node.extend([*casts, *rest])
    return result


def _halved(tensor: TensorProto) -> np.ndarray[tuple[int, ...], np.dtype[np.float16]] | None:
    if tensor.data_type != TensorProto.FLOAT or int(np.prod(tensor.dims)) < _MIN_ELEMENTS:
        return None
    values = numpy_helper.to_array(tensor)
    # Not finite, or too large: either would come back as an infinity.
    if not (np.abs(values) <= _LARGEST).all():
        return None
    return np.asarray(values, np.float16)
