"""ONNX itself: checked, brought to a version that is well supported, and written in one piece.

The reference is the author's file as it came, run by ONNX Runtime without optimisations, or
by ONNX's own slow reference where ONNX Runtime cannot.  The weights beside the file are
gathered into it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from onnx import version_converter
from onnx.reference import ReferenceEvaluator

from export.sources.onnx_values import from_ort, spec_of, to_ort
from export.sources.source import GRAPH_FILE, WEIGHTS_FILE, Description, Options, Prelude
from export.tensors import Tensors
from model_store.errors import ExportRefused
from model_store.spec import DEFAULT_SIGNATURE, Signature

OPSET = 18
OLDEST_OPSET = 13  # before it quantising, and much of what is understood today, differs
IR_VERSION = 10
_LARGEST_BYTES = 1_900_000_000  # protobuf's messages end at 2 GiB
_OWN_DOMAINS = ("", "ai.onnx", "ai.onnx.ml")

Run = Callable[[Tensors], Tensors]


@dataclass(frozen=True, slots=True)
class OnnxSource:
    """A loaded graph.

    Attributes:
        model: The author's graph with its weights, as it came.
        signature: Names, dtypes and free axes.
        reference: Runs the author's graph.
        notes: For people.
        largest_bytes: Weights beyond this stay in a file of their own.
    """

    model: Any
    signature: Signature
    reference: Run
    notes: tuple[str, ...]
    largest_bytes: int = _LARGEST_BYTES

    def describe(self) -> Description:
        """What it takes, gives and was made with."""
        producer = f"{self.model.producer_name} {self.model.producer_version}".strip()
        return Description(
            {DEFAULT_SIGNATURE: self.signature},
            sum(int(np.prod(tensor.dims)) for tensor in self.model.graph.initializer),
            {"onnx": onnx.__version__, "onnxruntime": ort.__version__},
            f"ONNX opset {_opset(self.model)}" + (f" by {producer}" if producer else ""),
            notes=self.notes,
        )

    def run(self, signature: str, inputs: Tensors) -> Tensors:
        """Run the author's own graph on one batch."""
        _check_signature(signature)
        return self.reference(inputs)

    def to_onnx(self, signature: str, folder: Path) -> tuple[str, ...]:
        """Write the graph, upgraded where it is old, and its weights in one piece."""
        _check_signature(signature)
        model, notes = upgraded(self.model)
        dropped = drop_initializers_from_inputs(model.graph)
        if dropped:
            notes.append(f"inputs with a value of their own became constants: {', '.join(dropped)}")
        for value in (*model.graph.input, *model.graph.output):
            _name_batch_axis(value)
        if _weights_bytes(model) > self.largest_bytes:
            onnx.save(
                model, folder / GRAPH_FILE, save_as_external_data=True,
                all_tensors_to_one_file=True, location=WEIGHTS_FILE,
            )  # fmt: skip
            notes.append(
                f"weights are beside the graph in {WEIGHTS_FILE}: they are too large for it"
            )
        else:
            onnx.save(model, folder / GRAPH_FILE)
        return tuple(notes)

    def to_saved_model(self, folder: Path, preludes: Mapping[str, Prelude]) -> tuple[str, ...]:
        """Refused: nothing that is well kept makes a SavedModel of ONNX."""
        del folder, preludes
        raise ExportRefused("ONNX cannot become a SavedModel: choose --to onnx")

    def layers(self, signature: str, inputs: Tensors) -> Iterator[tuple[str, Tensors]]:
        """Each node's results, by the node's name, or by its first result where it has none."""
        _check_signature(signature)
        model = _copy(self.model)
        known = {value.name for value in model.graph.output}
        for node in model.graph.node:
            for name in node.output:
                if name and name not in known:
                    model.graph.output.append(onnx.ValueInfoProto(name=name))
        session = ort.InferenceSession(model.SerializeToString(), _plain_options())
        names = [value.name for value in session.get_outputs()]
        results = dict(zip(names, session.run(names, to_ort(inputs)), strict=True))
        for node in model.graph.node:
            tensors = {
                name: from_ort(results[name])
                for name in node.output
                if isinstance(results.get(name), np.ndarray)
            }
            yield node.name or f"{node.op_type} {node.output[0]}", tensors


def load(path: Path, options: Options) -> OnnxSource:
    """Load an ``.onnx`` file with the weights beside it.

    Raises:
        ExportRefused: It is damaged or not valid, reaches outside its folder, takes or gives
            something other than tensors, or has operations that nobody here can run.
    """
    del options
    try:
        model = onnx.load(path)
    except Exception as error:  # protobuf's, the checker's and the file system's errors
        raise ExportRefused(f"{path.name} cannot be read as ONNX: {error}") from error
    _check(path, model)
    signature = Signature(
        tuple(spec_of(value) for value in _required_inputs(model.graph)),
        tuple(spec_of(value) for value in model.graph.output),
    )
    if not signature.outputs:
        raise ExportRefused(f"{path.name} has no outputs")
    reference, notes = _reference(path, model)
    return OnnxSource(model, signature, reference, notes)


def _check(path: Path, model: Any) -> None:
    """ONNX's own check; operations of other makers it does not know, and lets pass."""
    try:
        # A path, so that graphs beyond 2 GB can be checked too.
        onnx.checker.check_model(str(path), full_check=False)
    except Exception as error:
        raise ExportRefused(f"{path.name} is not valid ONNX: {_first_line(error)}") from error
    if model.graph.ByteSize() == 0:
        raise ExportRefused(f"{path.name} has an empty graph")


def _reference(path: Path, model: Any) -> tuple[Run, tuple[str, ...]]:
    try:
        session = ort.InferenceSession(path, _plain_options(), providers=["CPUExecutionProvider"])
    except Exception as refusal:  # ONNX Runtime has many errors and no base for them
        return _slow_reference(path, model, refusal)
    names = [value.name for value in session.get_outputs()]

    def run(inputs: Tensors) -> Tensors:
        try:
            outputs = session.run(names, to_ort(inputs))
        except Exception as error:
            raise ExportRefused(f"the graph fails: {_first_line(error)}") from error
        return {name: from_ort(array) for name, array in zip(names, outputs, strict=True)}

    return run, ()


def _slow_reference(path: Path, model: Any, refusal: Exception) -> tuple[Run, tuple[str, ...]]:
    strange = sorted(
        {f"{node.op_type} of {node.domain}" for node in model.graph.node
         if node.domain not in _OWN_DOMAINS}
    )  # fmt: skip
    if strange:
        raise ExportRefused(
            f"{path.name} has operations that only its maker can run: {', '.join(strange)}"
        ) from refusal
    try:
        evaluator = ReferenceEvaluator(model)
    except Exception as error:
        raise ExportRefused(f"ONNX Runtime cannot load {path.name}: {refusal}") from error
    names = [value.name for value in model.graph.output]

    def run(inputs: Tensors) -> Tensors:
        try:
            outputs = evaluator.run(names, to_ort(inputs))
        except Exception as error:
            raise ExportRefused(f"the graph fails: {_first_line(error)}") from error
        return {
            name: from_ort(np.asarray(array)) for name, array in zip(names, outputs, strict=True)
        }

    text = f"ONNX Runtime cannot load the file as it is ({_first_line(refusal)}); the reference is ONNX's own"
    return run, (text,)


def _plain_options() -> Any:
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    return options


def upgraded(model: Any) -> tuple[Any, list[str]]:
    """A copy in a version of ONNX that is well supported, and what was done.

    An old graph that the converter cannot convert stays as it is: parity decides on it.
    """
    before = _opset(model)
    notes = []
    new = _copy(model)
    if before < OLDEST_OPSET:
        try:
            new = version_converter.convert_version(new, OPSET)
            notes.append(f"upgraded from opset {before} to {OPSET}")
        except Exception as error:
            notes.append(f"kept at opset {before}: it cannot be upgraded: {_first_line(error)}")
    # An opset needs the file format of its time or a later one.
    wanted = onnx.helper.find_min_ir_version_for(list(new.opset_import), ignore_unknown=True)
    new.ir_version = max(wanted, min(new.ir_version, IR_VERSION), 8)
    return new, notes


def drop_initializers_from_inputs(graph: Any) -> tuple[str, ...]:
    """Old files list each weight among the inputs too, where a caller could replace it."""
    weights = {tensor.name for tensor in graph.initializer}
    listed = [value for value in graph.input if value.name in weights]
    for value in listed:
        graph.input.remove(value)
    return tuple(value.name for value in listed[:8])


def _required_inputs(graph: Any) -> list[Any]:
    weights = {tensor.name for tensor in graph.initializer}
    return [value for value in graph.input if value.name not in weights]


def _name_batch_axis(value: Any) -> None:
    """A free axis without a name gets one, so that no reader takes it for a length of 0."""
    for index, axis in enumerate(value.type.tensor_type.shape.dim):
        if axis.dim_value <= 0 and not axis.dim_param:
            axis.dim_param = f"{value.name}_axis{index}" if index else "batch"


def _weights_bytes(model: Any) -> int:
    return sum(tensor.ByteSize() for tensor in model.graph.initializer)


def _copy(model: Any) -> Any:
    new = onnx.ModelProto()
    new.CopyFrom(model)
    return new


def _opset(model: Any) -> int:
    return max(
        (entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")),
        default=0,
    )


def _check_signature(name: str) -> None:
    if name != DEFAULT_SIGNATURE:
        raise ExportRefused(f"an ONNX file has no signature {name}, only {DEFAULT_SIGNATURE}")


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
