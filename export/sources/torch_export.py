"""A PyTorch ``.pt2`` file: an exported program, which carries its own shapes and free axes.

The route is ExportedProgram -> PyTorch's own ONNX exporter.  Runs only in the process that
loads a model: PyTorch reads parts of such a file as a pickle.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
import onnxscript
import torch
import torch.utils._pytree as pytree
from torch.export.graph_signature import ConstantArgument, InputKind, OutputKind, TensorArgument

from export.sources.source import Description, Options, Prelude
from export.sources.torch_onnx import export_program
from export.sources.torch_tensors import (
    NO_SAVED_MODEL,
    as_arrays,
    dtype_name,
    named_outputs,
    refusing,
    to_torch,
)  # fmt: skip
from export.tensors import Tensors
from model_store.errors import ExportRefused
from model_store.spec import DEFAULT_SIGNATURE, Signature, TensorSpec

PROGRAM_FILE = "model.pt2"
_FORCE = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"


@dataclass(frozen=True, slots=True)
class ProgramSource:
    """A loaded exported program.

    Attributes:
        program: A ``torch.export.ExportedProgram``.
        module: What its author would call.
        signature: Names, dtypes and free axes, in the program's order.
        route: For people.
        notes: Likewise.
    """

    program: Any
    module: Any
    signature: Signature
    route: str
    notes: tuple[str, ...] = ()

    def describe(self) -> Description:
        """What it takes, gives and was made with."""
        return Description(
            {DEFAULT_SIGNATURE: self.signature}, _parameters(self.program), versions(), self.route,
            notes=self.notes,
        )  # fmt: skip

    def run(self, signature: str, inputs: Tensors) -> Tensors:
        """Call the program on one batch."""
        check_signature(signature)
        with refusing("the program fails"), torch.inference_mode():
            args, kwargs = self._arguments(inputs)
            outputs = self.module(*args, **kwargs)
            return as_arrays(named_outputs(outputs, [spec.name for spec in self.signature.outputs]))

    def _arguments(self, inputs: Tensors) -> tuple[Any, Any]:
        leaves = [
            entry.arg.value
            if isinstance(entry.arg, ConstantArgument)
            else to_torch(inputs[entry.arg.name])
            for entry in _user_inputs(self.program)
        ]
        return pytree.tree_unflatten(leaves, self.program.call_spec.in_spec)  # type: ignore[no-any-return]

    def to_onnx(self, signature: str, folder: Path) -> tuple[str, ...]:
        """Convert with PyTorch's exporter of exported programs."""
        check_signature(signature)
        export_program(self.program, self.signature, folder, _size_bytes(self.program))
        return ()

    def to_program(self, folder: Path) -> str:
        """Write the program for TorchServe; returns the file's name."""
        with refusing("PyTorch cannot save the program"):
            torch.export.save(self.program, folder / PROGRAM_FILE)
        return PROGRAM_FILE

    def to_saved_model(self, folder: Path, preludes: Mapping[str, Prelude]) -> tuple[str, ...]:
        """Refused: there is no way from PyTorch to a SavedModel."""
        del folder, preludes
        raise ExportRefused(NO_SAVED_MODEL)

    def layers(self, signature: str, inputs: Tensors) -> Iterator[tuple[str, Tensors]]:
        """Each operation's result, by the layer that it belongs to."""
        check_signature(signature)
        with torch.inference_mode():
            args, kwargs = self._arguments(inputs)
            watch = _Watch(self.module)
            watch.run(*pytree.tree_leaves((args, kwargs)))
        yield from watch.seen


class _Watch(torch.fx.Interpreter):  # type: ignore[misc]
    """Runs a program operation by operation and keeps what each gave."""

    def __init__(self, module: Any) -> None:
        super().__init__(module)
        self.seen: list[tuple[str, Tensors]] = []

    def run_node(self, n: Any) -> Any:
        result = super().run_node(n)
        if n.op == "call_function" and isinstance(result, torch.Tensor):
            stack = list((n.meta.get("nn_module_stack") or {"": ("", "")}).values())
            layer = str(stack[-1][0])
            name = f"{layer}: {n.name}" if layer else str(n.name)
            self.seen.append((name, as_arrays({"output_0": result})))
        return result


def load(path: Path, options: Options) -> ProgramSource:
    """Load a ``.pt2`` file; what is pickled in it is read as tensors only, unless trusted.

    Raises:
        ExportRefused: It is no exported program, it wants to run code, or it takes or gives
            something other than tensors.
    """
    remedy = (
        "load it with the PyTorch that saved it, and save it again without example inputs of "
        "classes of your own; --trust lets the file run its own code"
    )
    with refusing(f"PyTorch cannot load {path.name}", remedy), _tensors_only(options.is_trusted):
        program = torch.export.load(path)
    return from_program(program, options.output_names, "PyTorch exported program, by torch.export")


def from_program(program: Any, output_names: tuple[str, ...], route: str) -> ProgramSource:
    """The source of a program that is loaded.

    Raises:
        ExportRefused: It takes or gives something other than tensors.
    """
    values = {node.name: node.meta["val"] for node in program.graph.nodes if "val" in node.meta}
    inputs = tuple(
        _spec(entry.arg.name, values[entry.arg.name])
        for entry in _user_inputs(program)
        if not isinstance(entry.arg, ConstantArgument)
    )
    leaves = [
        entry.arg for entry in program.graph_signature.output_specs
        if entry.kind is OutputKind.USER_OUTPUT
    ]  # fmt: skip
    given = pytree.tree_unflatten(
        [values[leaf.name] if isinstance(leaf, TensorArgument) else leaf for leaf in leaves],
        program.call_spec.out_spec,
    )
    outputs = tuple(
        _spec(name, value) for name, value in named_outputs(given, output_names).items()
    )
    return ProgramSource(
        program, program.module(), Signature(inputs, outputs), route, _notes(program)
    )


def _notes(program: Any) -> tuple[str, ...]:
    constants = [
        f"{entry.arg.name}={entry.arg.value!r}"
        for entry in _user_inputs(program)
        if isinstance(entry.arg, ConstantArgument) and entry.arg.value is not None
    ]
    notes = [f"fixed when the program was exported: {', '.join(constants)}"] if constants else []
    for symbol, span in program.range_constraints.items():
        # PyTorch says 2 where the author set no bound: 0 and 1 are special to its compiler.
        low, high = int(span.lower), span.upper
        if low > 2 or str(high) not in ("int_oo", "oo"):
            notes.append(f"the program takes {low} to {high} along its free axis {symbol}")
    return tuple(notes)


def _user_inputs(program: Any) -> list[Any]:
    entries = [
        entry for entry in program.graph_signature.input_specs
        if entry.kind is InputKind.USER_INPUT
    ]  # fmt: skip
    for entry in entries:
        if not isinstance(entry.arg, TensorArgument | ConstantArgument):
            raise ExportRefused(
                f"input {entry.arg.name} is no tensor; export the program with it as a constant"
            )
    return entries


def _spec(name: str, value: Any) -> TensorSpec:
    shape = tuple(size if isinstance(size, int) else None for size in value.shape)
    return TensorSpec(name, dtype_name(value.dtype), shape)


def _tensors(program: Any) -> list[torch.Tensor]:
    return [*program.state_dict.values(), *program.tensor_constants.values()]


def _parameters(program: Any) -> int:
    return sum(parameter.numel() for parameter in program.parameters())


def _size_bytes(program: Any) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in _tensors(program))


def check_signature(name: str) -> None:
    """A PyTorch model has one way to be called."""
    if name != DEFAULT_SIGNATURE:
        raise ExportRefused(f"a PyTorch model has no signature {name}, only {DEFAULT_SIGNATURE}")


def versions() -> dict[str, str]:
    """Everything that took part, for the manifest."""
    return {
        "torch": str(torch.__version__),
        "onnx": onnx.__version__,
        "onnxscript": onnxscript.__version__,
    }


@contextlib.contextmanager
def _tensors_only(is_trusted: bool) -> Iterator[None]:  # noqa: FBT001
    """Where PyTorch would fall back to unpickling anything, it fails in place of that."""
    before = os.environ.get(_FORCE)
    if not is_trusted:
        os.environ[_FORCE] = "1"
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(_FORCE, None)
        else:
            os.environ[_FORCE] = before
