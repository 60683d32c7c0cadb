"""Weights and activations in 8 bits, the way that pays on a CPU.

Convolutions are quantised statically (QDQ, unsigned activations calibrated on samples, signed
weights by channel): dynamic quantisation makes them many times slower.  Dense models are
quantised dynamically.  Softmax and the prelude are left alone: a softmax over many classes
would become all zeros.  Whether any of it is worth having, ``export.graph.choice`` measures.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import (
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

from export.graph.names import all_nodes
from export.graph.upgrade import tidy
from export.tensors import Tensors

CALIBRATION_ROWS = 64
_CONVOLUTIONS = {"Conv", "ConvTranspose"}
_DENSE = {"MatMul", "Gemm"}
_LEFT_ALONE = {"Softmax", "LogSoftmax"}
_CALIBRATION_BATCH = 4


def method_for(model: onnx.ModelProto) -> str:
    """``static``, ``dynamic``, or nothing where there is nothing to quantise."""
    operations = {node.op_type for node in all_nodes(model.graph)}
    if operations & {"QuantizeLinear", "DynamicQuantizeLinear", "ConvInteger", "MatMulInteger"}:
        return ""
    if operations & _CONVOLUTIONS:
        return "static"
    return "dynamic" if operations & _DENSE else ""


def quantise_static(source: Path, target: Path, rows: Tensors, *, has_batch: bool) -> None:
    """Write *source* with 8-bit weights and activations to *target*.

    Args:
        source: A float graph.
        target: The new file.
        rows: Wire tensors to calibrate on: what the model will see.
        has_batch: Whether axis 0 of each is a batch axis.

    Raises:
        Exception: Whatever ONNX Runtime's quantiser raises; it has no error of its own.
    """
    prepared = target.with_suffix(".prepared.onnx")
    with _hushed():
        # Folds batch normalisation into the weights, which is to happen before they are rounded.
        quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
        model = onnx.load(prepared)
        quantize_static(
            str(prepared),
            str(target),
            _Rows(rows, has_batch=has_batch),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            nodes_to_exclude=_excluded(model),
        )
    prepared.unlink()
    _tidy_file(target)


def quantise_dynamic(source: Path, target: Path) -> None:
    """Write *source* with 8-bit weights in its dense layers to *target*.

    Raises:
        Exception: As ``quantise_static``.
    """
    with _hushed():
        quantize_dynamic(
            str(source),
            str(target),
            op_types_to_quantize=sorted(_DENSE),
            weight_type=QuantType.QInt8,
            nodes_to_exclude=_excluded(onnx.load(source)),
        )
    _tidy_file(target)


def _excluded(model: onnx.ModelProto) -> list[str]:
    """Softmax, and the scaling: one step of 8 bits there is a grey value of the picture."""
    return [
        node.name
        for node in model.graph.node
        if node.op_type in _LEFT_ALONE or node.name.startswith("prelude/")
    ]


class _Rows:
    """A few rows at a time, until there are none: what the calibration asks for."""

    def __init__(self, rows: Tensors, *, has_batch: bool) -> None:
        count = len(next(iter(rows.values()))) if has_batch else 1
        # Evenly spaced: pictures in a folder are often sorted by class.
        picked = np.linspace(0, count - 1, min(count, CALIBRATION_ROWS)).astype(int)
        self._left: Iterator[dict[str, NDArray[Any]]] = (
            iter(
                {name: tensor[part] for name, tensor in rows.items()}
                for part in np.array_split(picked, -(-len(picked) // _CALIBRATION_BATCH))
            )
            if has_batch
            else iter([dict(rows)])
        )

    def get_next(self) -> dict[str, NDArray[Any]] | None:
        """The next rows, or None."""
        return next(self._left, None)


def _tidy_file(path: Path) -> None:
    onnx.save(tidy(onnx.load(path)), path)


@contextmanager
def _hushed() -> Iterator[None]:
    """Keep the quantiser's advice off the terminal; what it cannot do it raises."""
    previous = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        logging.disable(previous)
