"""The one door between conversion and publishing: mend what can be mended, refuse the rest.

A converter that succeeds has proved nothing: ``structure`` looks at the file, ``running``
runs it at several batch sizes, and every refusal names the node and the remedy.
"""

from __future__ import annotations

from dataclasses import dataclass

import onnx

from export.graph.names import name_batch_axis, required_inputs
from export.graph.problems import refuse
from export.graph.running import try_out
from export.graph.structure import find_problems
from export.graph.upgrade import declare_shapes, restore_inputs, tidy
from export.tensors import Tensors
from model_store.spec import Signature


@dataclass(frozen=True, slots=True)
class Checked:
    """A graph that may go on to parity.

    Attributes:
        model: The graph, mended.
        is_row_wise: For the signature: whether a row has the same answer in any company.
        notes: What was mended, for people.
    """

    model: onnx.ModelProto
    is_row_wise: bool
    notes: tuple[str, ...] = ()


def check(
    model: onnx.ModelProto,
    signature: Signature,
    inputs: Tensors,
    *,
    has_saved_model: bool = True,
) -> Checked:
    """Mend *model* and try it out.

    Args:
        model: The converted graph with its prelude.
        signature: What it was meant to take and give, on the wire.
        inputs: Tensors to run it on, by name; three rows are enough.
        has_saved_model: Whether the source could become a SavedModel instead.

    Raises:
        ExportRefused: Something is wrong with it that cannot be mended; says all of it.
    """
    present = {value.name for value in required_inputs(model.graph)}
    lost = [spec.name for spec in signature.inputs if spec.name not in present]
    mended = declare_shapes(restore_inputs(tidy(model), signature), signature)
    mended = name_batch_axis(mended)
    refuse(find_problems(mended, signature), has_saved_model=has_saved_model)
    found = try_out(mended, signature, inputs)
    refuse(found.problems, has_saved_model=has_saved_model)
    notes = tuple(
        f"the input {name} is not read by the model; it is taken and ignored" for name in lost
    )
    return Checked(mended, found.is_row_wise, notes)
