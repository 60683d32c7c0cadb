"""A state dict: the numbers of a PyTorch module whose code the author names beside it.

The route is module -> ExportedProgram -> PyTorch's newer exporter.  A forward that chooses
by values cannot be exported so and is compiled to TorchScript, which keeps the choice; it
is never traced, because tracing keeps one branch and says nothing.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from export.sources.source import Description, Options, Prelude
from export.sources.torch_export import PROGRAM_FILE, check_signature, from_program, versions
from export.sources.torch_factory import make_module, read_state
from export.sources.torch_onnx import export_program, export_script
from export.sources.torch_tensors import (
    NO_SAVED_MODEL,
    Shapes,
    as_arrays,
    find_outputs,
    named_outputs,
    refusing,
    to_torch,
    torch_dtype,
)  # fmt: skip
from export.sources.torchscript import SCRIPT_FILE, flattened
from export.tensors import Tensors
from model_store.errors import ExportRefused
from model_store.spec import DEFAULT_SIGNATURE, Signature, TensorSpec


@dataclass(frozen=True, slots=True)
class ModuleSource:
    """A module filled with its numbers.

    Attributes:
        module: The author's, in eval mode.
        signature: Names, dtypes and free axes, in forward's order.
        inputs: An example, of two rows or more.
        notes: For people.
    """

    module: torch.nn.Module
    signature: Signature
    inputs: Tensors
    notes: tuple[str, ...] = ()

    def describe(self) -> Description:
        """What it takes, gives and was made with."""
        return Description(
            {DEFAULT_SIGNATURE: self.signature},
            sum(parameter.numel() for parameter in self.module.parameters()),
            versions(),
            "PyTorch module and state dict, by torch.export",
            notes=self.notes,
        )

    def run(self, signature: str, inputs: Tensors) -> Tensors:
        """Call the module on one batch."""
        check_signature(signature)
        return as_arrays(
            _outputs(self.module, inputs, [spec.name for spec in self.signature.outputs])
        )

    def to_onnx(self, signature: str, folder: Path) -> tuple[str, ...]:
        """Convert as an exported program, or compiled where forward chooses by values."""
        check_signature(signature)
        try:
            program = self.program()
        except ExportRefused as error:
            self._script_to_onnx(folder, error)
            return (f"compiled with torch.jit.script: {error}",)
        size = sum(
            tensor.numel() * tensor.element_size() for tensor in self.module.state_dict().values()
        )
        export_program(program, self.signature, folder, size)
        return ()

    def program(self) -> Any:
        """The module as a ``torch.export.ExportedProgram``, with the signature's free axes."""
        with refusing("PyTorch cannot export the module"), torch.no_grad():
            program = torch.export.export(
                self.module,
                (),
                {name: to_torch(array) for name, array in self.inputs.items()},
                dynamic_shapes={spec.name: _dynamic(spec) for spec in self.signature.inputs},
            )
        seen = {spec.name: spec.shape for spec in from_program(program, (), "").signature.inputs}
        for spec in self.signature.inputs:
            if spec.name in seen and seen[spec.name] != spec.shape:
                raise ExportRefused(
                    f"PyTorch's exporter fixed an axis of {spec}: {seen[spec.name]}"
                )
        return program

    def _script_to_onnx(self, folder: Path, error: ExportRefused) -> None:
        order = [spec.name for spec in self.signature.inputs]
        try:
            with refusing("it cannot be compiled by torch.jit.script either"):
                script = flattened(torch.jit.script(self.module), order, self.inputs)
            export_script(script, self.inputs, self.signature, folder)
        except ExportRefused as second:
            raise ExportRefused(f"{error}; {second}") from second

    def to_program(self, folder: Path) -> str:
        """Write the module for TorchServe, free of its author's code; returns the file's name."""
        try:
            program = self.program()
        except ExportRefused as error:
            with refusing(f"{error}; it cannot be compiled by torch.jit.script either"):
                torch.jit.script(self.module).save(str(folder / SCRIPT_FILE))
            return SCRIPT_FILE
        with refusing("PyTorch cannot save the program"):
            torch.export.save(program, folder / PROGRAM_FILE)
        return PROGRAM_FILE

    def to_saved_model(self, folder: Path, preludes: Mapping[str, Prelude]) -> tuple[str, ...]:
        """Refused: there is no way from PyTorch to a SavedModel."""
        del folder, preludes
        raise ExportRefused(NO_SAVED_MODEL)

    def layers(self, signature: str, inputs: Tensors) -> Iterator[tuple[str, Tensors]]:
        """What each submodule gave, innermost first, by its name in the module."""
        check_signature(signature)
        seen: list[tuple[str, Tensors]] = []

        def keep(name: str) -> Any:
            def hook(_module: Any, _arguments: Any, outputs: Any) -> None:
                tensors = {
                    key: value
                    for key, value in _loosely_named(outputs).items()
                    if isinstance(value, torch.Tensor)
                }
                seen.append((name, as_arrays(tensors)))

            return hook

        hooks = [
            module.register_forward_hook(keep(name))
            for name, module in self.module.named_modules()
            if name and not isinstance(module, torch.jit.ScriptModule)
        ]
        try:
            _outputs(self.module, inputs, ())
        finally:
            for hook in hooks:
                hook.remove()
        yield from seen


def _loosely_named(outputs: Any) -> dict[str, Any]:
    leaves = torch.utils._pytree.tree_leaves(outputs)  # noqa: SLF001
    return {f"output_{index}": leaf for index, leaf in enumerate(leaves)}


def load(path: Path, options: Options) -> ModuleSource:
    """Fill the author's module with the numbers of a state dict.

    Raises:
        ExportRefused: Module, file and shapes do not fit each other; says what to give.
    """
    state, notes = read_state(path, is_trusted=options.is_trusted and bool(options.module))
    if not options.module:
        raise ExportRefused(
            f"{path.name} is a state dict: numbers without the network; give --module "
            "package.module:factory, a function that makes the network"
        )
    module = make_module(options.module, state)
    shapes = _shapes(module, options)
    dtypes = {name: options.dtypes.get(name, "float32") for name in shapes}
    for name in dtypes.values():
        torch_dtype(name)
    inputs, outputs = find_outputs(
        lambda tensors: as_arrays(_outputs(module, tensors, options.output_names)), shapes, dtypes
    )
    specs = tuple(TensorSpec(name, dtypes[name], shape) for name, shape in shapes.items())
    return ModuleSource(module, Signature(specs, outputs), inputs, notes)


def _shapes(module: torch.nn.Module, options: Options) -> Shapes:
    """The author's shapes in the order of forward's parameters."""
    parameters = inspect.signature(module.forward).parameters
    named = [
        name
        for name, parameter in parameters.items()
        if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    required = [name for name in named if parameters[name].default is inspect.Parameter.empty]
    if missing := [name for name in required if name not in options.shapes]:
        raise ExportRefused(
            f"a module does not say its shapes; give that of {', '.join(missing)}, such as "
            f"--shape {missing[0]}=N,3,224,224"
        )
    if strange := sorted(set(options.shapes) - set(named)):
        raise ExportRefused(f"forward has no {', '.join(strange)}; it takes {', '.join(named)}")
    return {name: options.shapes[name] for name in named if name in options.shapes}


def _outputs(module: torch.nn.Module, inputs: Tensors, names: Any) -> dict[str, torch.Tensor]:
    with refusing("the model fails"), torch.inference_mode():
        return named_outputs(
            module(**{name: to_torch(array) for name, array in inputs.items()}), names
        )


def _dynamic(spec: TensorSpec) -> dict[int, Any]:
    return {
        axis: torch.export.Dim.DYNAMIC for axis, size in enumerate(spec.shape or ()) if size is None
    }
