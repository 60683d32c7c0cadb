"""The models of the conformance tests: one store for Easel, one repository for Triton.

Both servers run the same ONNX files, Triton through ONNX Runtime in its Python backend, so
that what differs between two answers comes from the servers and not from the models.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from model_store.digests import digest_folder
from model_store.manifest import FileDigest, Manifest
from model_store.spec import DEFAULT_SIGNATURE, ModelVersion, Signature, TensorSpec
from model_store.store import Store
from tests.support import BUNDLED_STORE, save_graph

MAX_BATCH = 8
HERE = Path(__file__).parent
# Of every dtype that both protocols have; "bytes" is ONNX's string.
KINDS = (
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
    "float16", "float32", "float64", "bytes",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Node:
    """One operator: ``output = operator(inputs)``; what is no name is a float32 constant."""

    operator: str
    inputs: tuple[object, ...]
    output: str


@dataclass(frozen=True, slots=True)
class Model:
    """A model to serve: its tensors, and the operators of each of its versions.

    Attributes:
        labels: Version labels.
        signatures: Other than the default one.
        classes: Class labels.
    """

    name: str
    signature: Signature
    versions: tuple[tuple[Node, ...], ...]
    labels: Mapping[str, int] = field(default_factory=dict)
    signatures: Mapping[str, Signature] = field(default_factory=dict)
    classes: tuple[str, ...] = ()


def _signature(inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]) -> Signature:
    return Signature(tuple(inputs), tuple(outputs))


def _row(name: str, dtype: str, size: int) -> TensorSpec:
    return TensorSpec(name, dtype, (None, size))


def _identity(name: str, dtype: str, size: int) -> Model:
    signature = _signature([_row("x", dtype, size)], [_row("y", dtype, size)])
    return Model(name, signature, ((Node("Identity", ("x",), "y"),),))


_X = _row("x", "float32", 4)
_FLOAT_ROW = _signature([_row("x", "float32", 4)], [_row("y", "float32", 4)])

MODELS = (
    Model("add", _FLOAT_ROW, ((Node("Add", ("x", 1.0), "y"),),)),
    _identity("whole", "int32", 3),
    _identity("text", "bytes", 2),
    _identity("half", "float16", 4),
    _identity("brain", "bfloat16", 4),
    Model(
        "pair",
        _signature(
            [_row("a", "float32", 3), _row("b", "float32", 3)],
            [_row("total", "float32", 3), _row("difference", "float32", 3)],
        ),
        ((Node("Add", ("a", "b"), "total"), Node("Sub", ("a", "b"), "difference")),),
    ),
    Model(
        "fixed",
        _signature([TensorSpec("x", "float32", (2, 3))], [TensorSpec("y", "float32", (2, 3))]),
        ((Node("Add", ("x", 1.0), "y"),),),
    ),
    Model(
        "kinds",
        _signature(
            [_row(f"in_{kind}", kind, 2) for kind in KINDS],
            [_row(f"out_{kind}", kind, 2) for kind in KINDS],
        ),
        (tuple(Node("Identity", (f"in_{kind}",), f"out_{kind}") for kind in KINDS),),
    ),
    Model(
        "judge",
        _signature([_X], [_row("scores", "float32", 4), _row("sum", "float32", 1)]),
        ((Node("Mul", ("x", 2.0), "scores"), Node("MatMul", ("x", ((1.0,),) * 4), "sum")),),
        signatures={
            "classes": Signature((_X,), (_row("scores", "float32", 4),), "classify"),
            "number": Signature((_X,), (_row("sum", "float32", 1),), "regress"),
        },
        classes=("north", "east", "south", "west"),
    ),
    Model(
        "half_plus_two",  # the model of TF Serving's own examples
        _signature([TensorSpec("x", "float32", (None,))], [TensorSpec("y", "float32", (None,))]),
        ((Node("Mul", ("x", 0.5), "half"), Node("Add", ("half", 2.0), "y")),),
    ),
    Model(
        "scale",
        _FLOAT_ROW,
        tuple((Node("Mul", ("x", float(factor)), "y"),) for factor in (1, 2, 3)),
        {"old": 1, "stable": 2, "canary": 3},
    ),
)

# Triton has no tensors whose only axis is the batch axis, nor bfloat16 in its Python backend.
_NOT_TRITONS = ("half_plus_two", "brain")
TRITON_MODELS = tuple(model for model in MODELS if model.name not in _NOT_TRITONS)


def write_store(root: Path) -> Path:
    """Publish every model's versions, their labels, and the bundled model; the root."""
    store = Store(root)
    for model in MODELS:
        for nodes in model.versions:
            with store.publishing(model.name) as (folder, publish):
                save_graph(folder / "model.onnx", _graph(model.signature, nodes))
                if model.classes:
                    (folder / "labels.txt").write_text("\n".join(model.classes) + "\n")
                publish(partial(_manifest, model, digest_folder(folder)))
        if model.labels:
            (root / model.name / "deployment.json").write_text(json.dumps({"labels": model.labels}))
    shutil.copytree(BUNDLED_STORE / "numbers", root / "numbers")
    return root


def _manifest(model: Model, files: Mapping[str, FileDigest], version: ModelVersion) -> Manifest:
    return Manifest(
        model=version,
        format="onnx",
        created="2026-01-01T00:00:00+00:00",
        signatures={DEFAULT_SIGNATURE: model.signature, **model.signatures},
        files=files,
        labels_file="labels.txt" if model.classes else None,
    )


def write_triton_repository(root: Path, store: Path) -> Path:
    """Write a repository of the graphs in *store* that Triton can have; the root."""
    numbers = _signature(
        [TensorSpec("image", "uint8", (None, 28, 28, 1))], [_row("scores", "float32", 10)]
    )
    for model in (*TRITON_MODELS, Model("numbers", numbers, ((),))):
        folder = root / model.name
        for number in range(1, len(model.versions) + 1):
            version = folder / str(number)
            version.mkdir(parents=True)
            shutil.copy(store / model.name / str(number) / "model.onnx", version)
            shutil.copy(HERE / "triton_model.py", version / "model.py")
        (folder / "config.pbtxt").write_text(_triton_config(model))
    return root


def _graph(signature: Signature, nodes: Sequence[Node]) -> onnx.GraphProto:
    constants: list[onnx.TensorProto] = []
    made = []
    for node in nodes:
        names = []
        for value in node.inputs:
            if isinstance(value, str):
                names.append(value)
                continue
            names.append(f"constant_{len(constants)}")
            constants.append(numpy_helper.from_array(np.array(value, np.float32), names[-1]))
        made.append(helper.make_node(node.operator, names, [node.output]))
    return helper.make_graph(
        made,
        "conformance",
        [_value(spec) for spec in signature.inputs],
        [_value(spec) for spec in signature.outputs],
        constants,
    )


def _value(spec: TensorSpec) -> onnx.ValueInfoProto:
    dtype = np.dtype(object if spec.dtype == "bytes" else spec.dtype)
    shape = ["N" if size is None else size for size in spec.shape]
    return helper.make_tensor_value_info(spec.name, helper.np_dtype_to_tensor_dtype(dtype), shape)


def _triton_config(model: Model) -> str:
    is_batched = model.signature.is_batched
    lines = [
        f'name: "{model.name}"',
        'backend: "python"',
        f"max_batch_size: {MAX_BATCH if is_batched else 0}",
        "version_policy: { all: {} }",
    ]
    for side, specs in (("input", model.signature.inputs), ("output", model.signature.outputs)):
        for spec in specs:
            dims = list(spec.shape[1:] if is_batched else spec.shape)
            lines.append(
                f'{side} [{{ name: "{spec.name}" data_type: {_triton_type(spec)} dims: {dims} }}]'
            )
    return "\n".join(lines) + "\n"


def _triton_type(spec: TensorSpec) -> str:
    if spec.dtype == "bytes":
        return "TYPE_STRING"
    return "TYPE_" + spec.dtype.upper().replace("FLOAT", "FP")
