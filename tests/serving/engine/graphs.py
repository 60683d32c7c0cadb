"""Small ONNX graphs, and versions made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from model_store.digests import digest_folder
from model_store.manifest import Manifest
from model_store.spec import ModelVersion, Signature, TensorSpec
from model_store.store import Store

ELEMENTS = {
    "bool": TensorProto.BOOL,
    "int8": TensorProto.INT8,
    "int16": TensorProto.INT16,
    "int32": TensorProto.INT32,
    "int64": TensorProto.INT64,
    "uint8": TensorProto.UINT8,
    "uint16": TensorProto.UINT16,
    "uint32": TensorProto.UINT32,
    "uint64": TensorProto.UINT64,
    "float16": TensorProto.FLOAT16,
    "float32": TensorProto.FLOAT,
    "float64": TensorProto.DOUBLE,
    "bytes": TensorProto.STRING,
}


def value(spec: TensorSpec) -> onnx.ValueInfoProto:
    """A graph's input or output."""
    if spec.shape is None:
        return helper.make_tensor_value_info(spec.name, ELEMENTS[spec.dtype], None)
    shape = ["N" if size is None else size for size in spec.shape]
    return helper.make_tensor_value_info(spec.name, ELEMENTS[spec.dtype], shape)


def make_model(
    nodes: Sequence[onnx.NodeProto],
    signature: Signature,
    weights: Sequence[onnx.TensorProto] = (),
    *,
    opset: int = 18,
    ir_version: int = 8,
) -> onnx.ModelProto:
    """A model with the signature's inputs and outputs, unchecked."""
    graph = helper.make_graph(
        list(nodes),
        "graph",
        [value(spec) for spec in signature.inputs],
        [value(spec) for spec in signature.outputs],
        list(weights),
    )
    opsets = [helper.make_opsetid("", opset)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=ir_version)


def identity(dtype: str, shape: tuple[int | None, ...] | None) -> tuple[onnx.ModelProto, Signature]:
    """``y = x``."""
    signature = Signature((TensorSpec("x", dtype, shape),), (TensorSpec("y", dtype, shape),))
    return make_model([helper.make_node("Identity", ["x"], ["y"])], signature), signature


def publish(
    root: Path,
    model: onnx.ModelProto,
    signatures: Mapping[str, Signature],
    *,
    golden: Mapping[str, np.ndarray] | None = None,
    external: str = "",
) -> ModelVersion:
    """Publish *model* as the next version of ``graph``; weights in the file *external*."""
    with Store(root).publishing("graph") as (folder, finish):
        path = folder / "model.onnx"
        if external:
            onnx.save(model, path, save_as_external_data=True, location=external, size_threshold=0)
        else:
            onnx.save(model, path)
        if golden is not None:
            np.savez(folder / "golden.npz", **golden)
        return finish(
            lambda version: Manifest(
                model=version,
                format="onnx",
                created="2026-01-01T00:00:00+00:00",
                signatures=signatures,
                files=digest_folder(folder),
                golden_file="golden.npz" if golden is not None else None,
            )
        )


def strings(*values: bytes | str) -> np.ndarray:
    """An array of byte strings, as the codecs make it."""
    array = np.empty(len(values), object)
    array[:] = [each.encode() if isinstance(each, str) else each for each in values]
    return array
