"""A TorchScript file, traced or scripted: a program that PyTorch runs without Python.

Only PyTorch's older ONNX exporter reads one, and it needs an example of each input.  A
traced file says which shapes it was traced with; of a scripted one the author tells.  What
tracing left out cannot be seen in the file: where the author's own module is given too
(``--module``), that is the reference that the exported graph has to equal.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
import torch
import torch.utils._pytree as pytree

from export.sources.source import Description, Options, Prelude
from export.sources.torch_export import check_signature
from export.sources.torch_factory import make_module
from export.sources.torch_onnx import export_script
from export.sources.torch_tensors import (
    NO_SAVED_MODEL,
    Shapes,
    as_arrays,
    dtype_name,
    find_outputs,
    named_outputs,
    refusing,
    to_torch,
)  # fmt: skip
from export.tensors import Tensors
from model_store.errors import ExportRefused
from model_store.spec import DEFAULT_SIGNATURE, Signature, TensorSpec

SCRIPT_FILE = "model.pt"


@dataclass(frozen=True, slots=True)
class ScriptSource:
    """A loaded TorchScript module.

    Attributes:
        script: The loaded module.
        reference: What its author would call: *script*, or the module it was made from.
        signature: Names, dtypes and free axes, in forward's order.
        inputs: An example, of two rows or more.
        notes: For people.
    """

    script: Any
    reference: Any
    signature: Signature
    inputs: Tensors
    notes: tuple[str, ...]

    def describe(self) -> Description:
        """What it takes, gives and was made with."""
        return Description(
            {DEFAULT_SIGNATURE: self.signature},
            sum(parameter.numel() for parameter in self.script.parameters()),
            {"torch": str(torch.__version__), "onnx": onnx.__version__},
            "TorchScript, by torch.jit and PyTorch's older ONNX exporter",
            notes=self.notes,
        )

    def run(self, signature: str, inputs: Tensors) -> Tensors:
        """Call the module on one batch."""
        check_signature(signature)
        names = [spec.name for spec in self.signature.outputs]
        order = [spec.name for spec in self.signature.inputs]
        return _call(self.reference, order, names)(inputs)

    def to_onnx(self, signature: str, folder: Path) -> tuple[str, ...]:
        """Convert with PyTorch's older exporter, which keeps branches and loops."""
        check_signature(signature)
        order = [spec.name for spec in self.signature.inputs]
        flat = flattened(self.script, order, self.inputs)
        export_script(flat, self.inputs, self.signature, folder)
        return ()

    def to_program(self, folder: Path) -> str:
        """Write the program for TorchServe; returns the file's name."""
        with refusing("PyTorch cannot save the program"):
            self.script.save(str(folder / SCRIPT_FILE))
        return SCRIPT_FILE

    def to_saved_model(self, folder: Path, preludes: Mapping[str, Prelude]) -> tuple[str, ...]:
        """Refused: there is no way from PyTorch to a SavedModel."""
        del folder, preludes
        raise ExportRefused(NO_SAVED_MODEL)

    def layers(self, signature: str, inputs: Tensors) -> Iterator[tuple[str, Tensors]]:
        """Nothing: a compiled program does not let anyone look at its layers."""
        del signature, inputs
        yield from ()


def load(path: Path, options: Options) -> ScriptSource:
    """Load a TorchScript file.

    Raises:
        ExportRefused: It cannot be loaded, or called with the shapes that it or the author says.
    """
    with refusing(
        f"PyTorch cannot load {path.name}", "load it with the PyTorch that saved it, save it again"
    ):
        is_traced = _is_traced(path)
        script = torch.jit.load(path, map_location="cpu", _restore_shapes=is_traced).eval()
    shapes, dtypes, notes = _inputs(script, options)
    reference = script
    if options.module:
        reference = make_module(options.module, script.state_dict())
        notes = (*notes, f"compared with {options.module}, the module that it was made from")
    inputs, signature = _probe(script, shapes, dtypes, options.output_names)
    notes += _left_out(script) if is_traced else ()
    return ScriptSource(script, reference, signature, inputs, notes)


def _is_traced(path: Path) -> bool:
    """Tracing keeps its example inputs in the file."""
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("/traced_inputs.pkl") for name in archive.namelist())


def _probe(
    script: Any, shapes: Shapes, dtypes: Mapping[str, str], output_names: tuple[str, ...]
) -> tuple[Tensors, Signature]:
    inputs, outputs = find_outputs(_call(script, list(shapes), output_names), shapes, dtypes)
    specs = tuple(TensorSpec(name, dtypes[name], shape) for name, shape in shapes.items())
    return inputs, Signature(specs, outputs)


def _call(module: Any, order: Sequence[str], names: Sequence[str]) -> Callable[[Tensors], Tensors]:
    def call(inputs: Tensors) -> Tensors:
        with refusing("the model fails"), torch.inference_mode():
            outputs = module(*(to_torch(inputs[name]) for name in order))
            return as_arrays(named_outputs(outputs, names))

    return call


def _inputs(script: Any, options: Options) -> tuple[Shapes, Mapping[str, str], tuple[str, ...]]:
    """Each input's shape and dtype: the author's word, or what the file was traced with."""
    shapes: dict[str, tuple[int | None, ...]] = {}
    dtypes: dict[str, str] = {}
    traced: list[str] = []
    for value in list(script.graph.inputs())[1:]:
        name = str(value.debugName()).split(".")[0]
        sizes = value.type().sizes() if value.isCompleteTensor() else None
        if str(value.type()) != "Tensor" and sizes is None:
            raise ExportRefused(
                f"input {name} is {value.type()} and no tensor; save the model with a forward "
                "that takes tensors only"
            )
        if name in options.shapes:
            shapes[name] = options.shapes[name]
        elif sizes:
            shapes[name] = (None, *sizes[1:])
            traced.append(name)
        else:
            raise ExportRefused(
                f"a scripted model does not say its shapes; give that of {name}, such as "
                f"--shape {name}=N,3,224,224"
            )
        known = dtype_name(value.type().dtype()) if sizes is not None else "float32"
        dtypes[name] = options.dtypes.get(name, known)
    if strange := sorted(set(options.shapes) - set(shapes)):
        raise ExportRefused(
            f"the model has no input {', '.join(strange)}; it takes {', '.join(shapes)}"
        )
    notes = (f"shapes as traced, with a free batch axis: {', '.join(traced)}",) if traced else ()
    return shapes, dtypes, notes


def _left_out(script: Any) -> tuple[str, ...]:
    """Layers that a traced program never reads: what a branch that tracing dropped leaves."""
    read = _attributes_read(script.inlined_graph)
    owners = {name.rpartition(".")[0] for name, _ in script.named_parameters()}
    unused = sorted(
        owner
        for owner in owners
        if owner and not any(name.startswith(f"{owner}.") for name in read)
    )
    if not unused:
        return ()
    note = (
        f"never used: {', '.join(unused[:8])}; if an `if` in forward chooses between layers, "
        "tracing has kept one branch for good: save with torch.jit.script, or give --module too "
        "and the author's own code is the reference"
    )
    return (note,)


def _attributes_read(graph: Any) -> set[str]:
    paths: dict[str, str] = {next(iter(graph.inputs())).debugName(): ""}
    for node in graph.findAllNodes("prim::GetAttr"):
        owner = paths.get(next(iter(node.inputs())).debugName())
        if owner is not None:
            name = node.s("name")
            paths[next(iter(node.outputs())).debugName()] = f"{owner}.{name}" if owner else name
    return set(paths.values())


def flattened(script: Any, order: Sequence[str], inputs: Tensors) -> Any:
    """*script* with a tuple of tensors for an answer, whatever it nests them in."""
    with refusing("the model fails"), torch.no_grad():
        outputs = script(*(to_torch(inputs[name]) for name in order))
    if isinstance(outputs, torch.Tensor):
        return script
    paths = [path for path, _ in pytree.tree_flatten_with_path(outputs)[0]]
    leaves = ", ".join(
        "answer" + "".join(f"[{getattr(key, 'key', getattr(key, 'idx', None))!r}]" for key in path)
        for path in paths
    )
    arguments = ", ".join(f"a{index}" for index in range(len(order)))

    class Flat(torch.jit.ScriptModule):  # type: ignore[misc]
        """A class of its own for each: PyTorch compiles a class once."""

        def __init__(self, inner: Any) -> None:
            super().__init__()
            self.inner = inner

    flat = Flat(script)
    with refusing("the model's outputs cannot be laid out one after the other"):
        flat.define(
            f"def forward(self, {arguments}):\n"
            f"    answer = self.inner.forward({arguments})\n"
            f"    return ({leaves},)\n"
        )
    return flat.eval()
