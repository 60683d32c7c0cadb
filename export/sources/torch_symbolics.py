"""Operations that PyTorch's older exporter does not know, written in those that it does.

In eval mode PyTorch runs a transformer's encoder layer as one fused operation, and a
TorchScript file holds that.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.onnx import symbolic_helper as helper

_OPSET = 17


def register() -> None:
    """Teach the exporter; may be called again."""
    torch.onnx.register_custom_op_symbolic(
        "aten::_transformer_encoder_layer_fwd", _encoder_layer, _OPSET
    )


def _encoder_layer(g: Any, x: Any, *rest: Any) -> Any:
    """``float32[N, length, width]`` to the same: attention and two dense layers, each added on.

    The arguments are those of ``aten::_transformer_encoder_layer_fwd``.
    """
    (width, heads, qkv_weight, qkv_bias, out_weight, out_bias, use_gelu, norm_first, eps,
     gain1, shift1, gain2, shift2, weight1, bias1, weight2, bias2, mask, _) = rest  # fmt: skip
    if not helper._is_none(mask):  # noqa: SLF001
        return helper._unimplemented("transformer encoder layer", "with a mask")  # noqa: SLF001
    number = helper._maybe_get_const  # noqa: SLF001
    width, heads = int(number(width, "i")), int(number(heads, "i"))
    epsilon = float(number(eps, "f"))

    def norm(value: Any, gain: Any, shift: Any) -> Any:
        return g.op("LayerNormalization", value, gain, shift, axis_i=-1, epsilon_f=epsilon)

    def attend(value: Any) -> Any:
        mixed = _attention(g, _dense(g, value, qkv_weight, qkv_bias), width, heads)
        return _dense(g, mixed, out_weight, out_bias)

    def feed(value: Any) -> Any:
        wide = _dense(g, value, weight1, bias1)
        active = _gelu(g, wide) if number(use_gelu, "b") else g.op("Relu", wide)
        return _dense(g, active, weight2, bias2)

    if number(norm_first, "b"):
        x = g.op("Add", x, attend(norm(x, gain1, shift1)))
        return g.op("Add", x, feed(norm(x, gain2, shift2)))
    x = norm(g.op("Add", x, attend(x)), gain1, shift1)
    return norm(g.op("Add", x, feed(x)), gain2, shift2)


def _dense(g: Any, x: Any, weight: Any, bias: Any) -> Any:
    return g.op("Add", g.op("MatMul", x, g.op("Transpose", weight, perm_i=[1, 0])), bias)


def _gelu(g: Any, x: Any) -> Any:
    """``x / 2 * (1 + erf(x / sqrt(2)))``."""
    scaled = g.op("Div", x, _constant(g, 2.0**0.5))
    one_more = g.op("Add", g.op("Erf", scaled), _constant(g, 1.0))
    return g.op("Mul", g.op("Mul", x, _constant(g, 0.5)), one_more)


def _constant(g: Any, number: float) -> Any:
    return g.op("Constant", value_t=torch.tensor(number, dtype=torch.float32))


def _attention(g: Any, qkv: Any, width: int, heads: int) -> Any:
    """``[N, length, 3 * width]`` to ``[N, length, width]``: softmax(q k' / sqrt(d)) v, by head."""
    split = g.op("Constant", value_t=torch.tensor([0, 0, 3, heads, -1]))
    parts = g.op("Transpose", g.op("Reshape", qkv, split), perm_i=[2, 0, 3, 1, 4])
    query, key, value = (
        g.op("Gather", parts, g.op("Constant", value_t=torch.tensor(index)), axis_i=0)
        for index in range(3)
    )
    turned = g.op("Transpose", key, perm_i=[0, 1, 3, 2])
    likeness = g.op("MatMul", g.op("Mul", query, _constant(g, (width // heads) ** -0.5)), turned)
    mixed = g.op("MatMul", g.op("Softmax", likeness, axis_i=-1), value)
    joined = g.op("Constant", value_t=torch.tensor([0, 0, -1]))
    return g.op("Reshape", g.op("Transpose", mixed, perm_i=[0, 2, 1, 3]), joined)
