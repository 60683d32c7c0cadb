"""TensorFlow operations that tf2onnx 1.17 does not know and that ONNX can say in other words.

Importing this module teaches them to tf2onnx, in this process.  Each entry is a function of
the graph and the node's inputs that adds ONNX nodes and gives the name of the result.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from tf2onnx import utils
from tf2onnx.handler import tf_op

# A converter's graph, the TensorFlow node; the tensor that holds its answer.
Formula = Callable[[Any, Any], str]


def _add(graph: Any, operation: str, *inputs: str, **attributes: Any) -> str:
    node = graph.make_node(operation, list(inputs), attr=attributes)
    return str(node.output[0])


def _constant(graph: Any, node: Any, value: float) -> str:
    """A scalar of the same dtype as the node's first input."""
    dtype = utils.map_onnx_to_numpy_type(graph.get_dtype(node.input[0]))
    return str(graph.make_const(utils.make_name("value"), np.array(value, dtype)).output[0])


def _erfc(graph: Any, node: Any) -> str:
    """``1 - erf(x)``: what Keras 3 makes of the exact gelu."""
    return _add(graph, "Sub", _constant(graph, node, 1), _add(graph, "Erf", node.input[0]))


def _expm1(graph: Any, node: Any) -> str:
    return _add(graph, "Sub", _add(graph, "Exp", node.input[0]), _constant(graph, node, 1))


def _log1p(graph: Any, node: Any) -> str:
    return _add(graph, "Log", _add(graph, "Add", node.input[0], _constant(graph, node, 1)))


def _where_zero(graph: Any, node: Any, zero: str, otherwise: str) -> str:
    """0 where *zero* is 0, whatever the other factor or divisor is."""
    nothing = _constant(graph, node, 0)
    is_zero = _add(graph, "Equal", zero, nothing)
    return _add(graph, "Where", is_zero, nothing, otherwise)


def _xlogy(graph: Any, node: Any) -> str:
    x, y = node.input
    return _where_zero(graph, node, x, _add(graph, "Mul", x, _add(graph, "Log", y)))


def _xlog1py(graph: Any, node: Any) -> str:
    x, y = node.input
    logarithm = _add(graph, "Log", _add(graph, "Add", y, _constant(graph, node, 1)))
    return _where_zero(graph, node, x, _add(graph, "Mul", x, logarithm))


def _xdivy(graph: Any, node: Any) -> str:
    x, y = node.input
    return _where_zero(graph, node, x, _add(graph, "Div", x, y))


def _mul_no_nan(graph: Any, node: Any) -> str:
    x, y = node.input
    return _where_zero(graph, node, y, _add(graph, "Mul", x, y))


def _l2_loss(graph: Any, node: Any) -> str:
    square = _add(graph, "ReduceSumSquare", node.input[0], keepdims=0)
    return _add(graph, "Mul", square, _constant(graph, node, 0.5))


def _truncated_mod(graph: Any, node: Any) -> str:
    """The remainder with the dividend's sign, as in C."""
    return _add(graph, "Mod", *node.input, fmod=1)


def _bucketize(graph: Any, node: Any) -> str:
    """How many boundaries each number has reached: Keras' Discretization."""
    boundaries = np.array(node.get_attr_value("boundaries"), np.float32)
    numbers = _add(graph, "Cast", node.input[0], to=1)
    last = graph.make_const(utils.make_name("axis"), np.array([-1], np.int64)).output[0]
    bounds = graph.make_const(utils.make_name("boundaries"), boundaries).output[0]
    column = _add(graph, "Unsqueeze", numbers, str(last))
    reached = _add(graph, "Cast", _add(graph, "GreaterOrEqual", column, str(bounds)), to=6)
    return _add(graph, "ReduceSum", reached, str(last), keepdims=0)


FORMULAS: dict[str, Formula] = {
    "Bucketize": _bucketize,
    "Erfc": _erfc,
    "Expm1": _expm1,
    "L2Loss": _l2_loss,
    "Log1p": _log1p,
    "Mod": _truncated_mod,
    "MulNoNan": _mul_no_nan,
    "TruncateMod": _truncated_mod,
    "Xdivy": _xdivy,
    "Xlog1py": _xlog1py,
    "Xlogy": _xlogy,
}


def _handler(formula: Formula) -> Callable[..., None]:
    def convert(graph: Any, node: Any, **_: Any) -> None:
        dtype, shape = graph.get_dtype(node.output[0]), graph.get_shape(node.output[0])
        result = formula(graph, node)
        graph.remove_node(node.name)
        # The result takes the old name, by which other nodes and the graph's outputs know it.
        graph.make_node(
            "Identity", [result], name=node.name, outputs=node.output, dtypes=[dtype], shapes=[shape]
        )  # fmt: skip

    return convert


for _operation, _formula in FORMULAS.items():
    tf_op(_operation).register_compat_handler(_handler(_formula), 18)
