"""PyTorch's two ONNX exporters, and what has to be put right behind both.

An exported program goes through the newer one, which takes free axes from the program; a
TorchScript module, which the newer one cannot read, through the older.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import onnx
import torch

from export.sources.source import GRAPH_FILE
from export.sources.torch_symbolics import register
from export.sources.torch_tensors import refusing, to_torch
from export.tensors import Tensors
from model_store.errors import ExportRefused
from model_store.spec import Signature, TensorSpec

OLDER_OPSET = 17
_LARGEST_BYTES = 1_900_000_000  # protobuf's messages end at 2 GiB
_MISSING = (
    re.compile(r"No ONNX function found for <OpOverload\(op='([\w.]+)'"),
    re.compile(r"[Ee]xporting the operator '?(?:aten::)?([\w:]+)'? to ONNX"),
    re.compile(r"ONNX export failed on an operator with unrecognized namespace ([\w:]+)"),
)


def export_program(program: Any, signature: Signature, folder: Path, size_bytes: int) -> None:
    """Write an ExportedProgram to *folder*, named as in *signature*.

    Args:
        program: A ``torch.export.ExportedProgram``.
        signature: The wanted names, dtypes and free axes, in the program's order.
        folder: Where ``model.onnx`` is to be.
        size_bytes: Of the parameters; beyond 2 GB they get a file of their own.

    Raises:
        ExportRefused: ONNX has no such operation, or the converter fixed an axis.
    """

    def export() -> None:
        torch.onnx.export(
            program, (), folder / GRAPH_FILE, dynamo=True,
            external_data=size_bytes > _LARGEST_BYTES, verbose=False,
        )  # fmt: skip

    _exported(export, signature, folder / GRAPH_FILE, "write it in forward with other operations")


def export_script(script: Any, inputs: Tensors, signature: Signature, folder: Path) -> None:
    """Write a TorchScript module to *folder*; *inputs* is an example of two rows or more.

    Raises:
        ExportRefused: ONNX has no such operation, or the converter fixed an axis.
    """
    specs = (*signature.inputs, *signature.outputs)

    def export() -> None:
        register()
        torch.onnx.export(
            script, tuple(to_torch(inputs[spec.name]) for spec in signature.inputs),
            folder / GRAPH_FILE, dynamo=False, opset_version=OLDER_OPSET,
            input_names=[spec.name for spec in signature.inputs],
            output_names=[spec.name for spec in signature.outputs],
            dynamic_axes={spec.name: _free_axes(spec) for spec in specs},
        )  # fmt: skip

    _exported(
        export,
        signature,
        folder / GRAPH_FILE,
        "save the model with torch.export.save, of which its newer exporter makes ONNX",
    )


def _exported(export: Callable[[], None], signature: Signature, path: Path, remedy: str) -> None:
    try:
        with refusing("PyTorch cannot make ONNX of the model"), torch.no_grad():
            export()
    except ExportRefused as error:
        if missing := missing_operations(error):
            raise ExportRefused(
                f"PyTorch's exporter has no ONNX for {', '.join(missing)}; {remedy}, or serve the model "
                "with TorchServe: --to mar"
            ) from error
        raise
    finish(path, signature)


def missing_operations(error: BaseException) -> tuple[str, ...]:
    """The operations that an exporter said it has no ONNX for, from anywhere in the chain."""
    found: dict[str, None] = {}
    seen: BaseException | None = error
    while seen is not None:
        for pattern in _MISSING:
            found.update(dict.fromkeys(pattern.findall(str(seen))))
        seen = seen.__cause__
    return tuple(found)


def finish(path: Path, signature: Signature) -> None:
    """Put names, free axes and shapes of an exported graph right, in place.

    Raises:
        ExportRefused: The graph has other inputs or outputs, or an axis that was free is not.
    """
    model = onnx.load(path, load_external_data=False)
    graph = model.graph
    values = _pairs(graph.input, signature.inputs, "inputs")
    values += _pairs(graph.output, signature.outputs, "outputs")
    renames = {value.name: spec.name for value, spec in values if value.name != spec.name}
    _make_room(graph, set(renames.values()) - set(renames))
    _rename(graph, renames)
    _rename_axes(graph, _axis_names(values[: len(signature.inputs)]))
    for value, spec in values[len(signature.inputs) :]:
        _declare(value, spec)
    del graph.value_info[:]  # ONNX Runtime infers the same from the renamed inputs
    onnx.save(model, path)


def _pairs(
    values: Sequence[Any], specs: Sequence[TensorSpec], what: str
) -> list[tuple[Any, TensorSpec]]:
    if len(values) != len(specs):
        names = ", ".join(value.name for value in values)
        raise ExportRefused(
            f"the converted graph has {len(values)} {what} ({names}) where the model has "
            f"{len(specs)}: {', '.join(spec.name for spec in specs)}"
        )
    return list(zip(values, specs, strict=True))


def _free_axes(spec: TensorSpec) -> dict[int, str]:
    return {
        axis: axis_name(spec.name, axis)
        for axis, size in enumerate(spec.shape or ())
        if size is None
    }


def axis_name(tensor: str, axis: int) -> str:
    """``batch`` for the batch axis, which all tensors share; else the tensor's own."""
    return f"{tensor}_axis{axis}" if axis else "batch"


def _axis_names(inputs: Sequence[tuple[Any, TensorSpec]]) -> dict[str, str]:
    """What the symbols of the graph's inputs shall be called."""
    names: dict[str, str] = {}
    for value, spec in inputs:
        axes = value.type.tensor_type.shape.dim
        for axis in _free_axes(spec):
            if not axes[axis].dim_param:
                raise ExportRefused(
                    f"the converter fixed axis {axis} of {spec.name} at {axes[axis].dim_value}"
                )
            name = axis_name(spec.name, axis)
            taken = name in names.values()
            names.setdefault(axes[axis].dim_param, f"{spec.name}_axis{axis}" if taken else name)
    return names


def _rename_axes(graph: Any, names: Mapping[str, str]) -> None:
    """Symbols may stand in terms: ``2*s0 + 1``."""
    for value in (*graph.input, *graph.output):
        for axis in value.type.tensor_type.shape.dim:
            if axis.HasField("dim_param"):
                axis.dim_param = re.sub(
                    r"[A-Za-z_]\w*", lambda found: names.get(found[0], found[0]), axis.dim_param
                )


def _declare(value: Any, spec: TensorSpec) -> None:
    """Give an output the shape that the model was seen to have; the older exporter guesses."""
    before = list(value.type.tensor_type.shape.dim)
    del value.type.tensor_type.shape.dim[:]
    for index, size in enumerate(spec.shape or ()):
        axis = value.type.tensor_type.shape.dim.add()
        if size is not None:
            axis.dim_value = size
        elif index < len(before) and before[index].dim_param:
            axis.dim_param = before[index].dim_param
        else:
            axis.dim_param = axis_name(spec.name, index)


def _make_room(graph: Any, wanted: set[str]) -> None:
    """Move inner values away from the names that inputs and outputs are to have."""
    edges = {value.name for value in (*graph.input, *graph.output)}
    inner = {name for node in graph.node for name in node.output} | {
        tensor.name for tensor in graph.initializer
    }
    taken = edges | inner
    moves = {}
    for name in wanted & inner:
        moves[name] = next(
            new for index in range(len(taken) + 1) if (new := f"{name}_inner{index}") not in taken
        )
    _rename(graph, moves)


def _rename(graph: Any, names: Mapping[str, str]) -> None:
    """Rename values everywhere in a graph, its branches and loops included."""
    if not names:
        return
    for value in (*graph.input, *graph.output, *graph.value_info, *graph.initializer):
        value.name = names.get(value.name, value.name)
    for node in graph.node:
        for listed in (node.input, node.output):
            listed[:] = [names.get(name, name) for name in listed]
        for inner in _inner_graphs(node):
            _rename(inner, names)


def _inner_graphs(node: Any) -> Iterator[Any]:
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs
