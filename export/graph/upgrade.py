"""An ONNX file as it should be published: recent enough, no newer than needed, nothing private.

For files that others made; what our own converters write needs only ``tidy``.  Every function
gives a new model and leaves the one it was given alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

import numpy as np
import onnx
from onnx import version_converter

from export.graph.names import all_nodes, copied, initialized, required_inputs
from model_store.errors import ExportRefused
from model_store.spec import Signature, TensorSpec

MIN_OPSET = 13  # since then a tensor can be quantised by channel
_LOADABLE_OPSET = 7  # the oldest that ONNX Runtime promises to compute rightly
_COMMON_IR = 10  # every ONNX Runtime since 1.18 reads it
_IR_WITHOUT_DOUBLES = 4  # since then an initializer need not be an input too


@dataclass(frozen=True, slots=True)
class Upgraded:
    """A model, and what a person should know of how it came about."""

    model: onnx.ModelProto
    notes: tuple[str, ...] = ()


def opset_of(model: onnx.ModelProto) -> int:
    """Which of ONNX's own operation sets the graph is written in."""
    return max((entry.version for entry in model.opset_import if not entry.domain), default=1)


def upgrade(model: onnx.ModelProto, minimum: int = MIN_OPSET) -> Upgraded:
    """Bring *model* to an opset of *minimum* at least, and tidy it.

    A graph that the converter cannot bring over is kept in its own opset if ONNX Runtime
    computes that.

    Raises:
        ExportRefused: It is too old to be computed and cannot be brought over.
    """
    opset = opset_of(model)
    plain = tidy(model)
    if opset >= minimum:
        return Upgraded(plain)
    try:
        newer = version_converter.convert_version(plain, minimum)
    except Exception as error:  # the converter's C++ raises RuntimeError, and others
        reason = " ".join(str(error).split())[:200]
        if opset < _LOADABLE_OPSET:
            raise ExportRefused(
                f"the graph is of opset {opset}, which no runtime computes any more, and cannot be "
                f"upgraded: {reason}; convert it from its source again with opset {minimum}"
            ) from error
        note = f"kept in opset {opset}: it cannot be upgraded to {minimum} ({reason})"
        return Upgraded(plain, (note,))
    return Upgraded(tidy(newer), (f"upgraded from opset {opset} to {minimum}",))


def tidy(model: onnx.ModelProto) -> onnx.ModelProto:
    """What the file says beside the computation, made right.

    Constants are no inputs any more, unread constants and notes of intermediate values
    without a shape are gone, so are the places in the author's own code that PyTorch writes
    beside each node, and the IR version is the lowest that carries the content.
    """
    result = copied(model)
    graph = result.graph
    _drop_initialized_inputs(graph)
    _drop_unread_initializers(graph)
    known = [value for value in graph.value_info if value.type.tensor_type.HasField("shape")]
    del graph.value_info[:]
    graph.value_info.extend(known)
    for item in chain((result, graph), all_nodes(graph), graph.input, graph.output, known):
        item.doc_string = ""
        if hasattr(item, "metadata_props"):
            del item.metadata_props[:]
    _drop_unread_domains(result)
    result.ir_version = _lowest_ir(result)
    return result


def _drop_initialized_inputs(graph: onnx.GraphProto) -> None:
    required = list(required_inputs(graph))
    del graph.input[:]
    graph.input.extend(required)


def _drop_unread_initializers(graph: onnx.GraphProto) -> None:
    read = set(chain.from_iterable(node.input for node in all_nodes(graph)))
    read |= {value.name for value in graph.output}
    # A body may give back a constant of the outer graph without any node that reads it.
    for node in all_nodes(graph):
        for attribute in node.attribute:
            for body in (attribute.g, *attribute.graphs):
                read |= {value.name for value in body.output}
    kept = [tensor for tensor in graph.initializer if tensor.name in read]
    del graph.initializer[:]
    graph.initializer.extend(kept)


def _drop_unread_domains(model: onnx.ModelProto) -> None:
    """ONNX Runtime writes every domain that it knows into what it writes."""
    bodies = chain.from_iterable(function.node for function in model.functions)
    used = {"", "ai.onnx", *(node.domain for node in chain(all_nodes(model.graph), bodies))}
    kept = [entry for entry in model.opset_import if entry.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(kept)


def _lowest_ir(model: onnx.ModelProto) -> int:
    present = int(model.ir_version)
    try:
        needed = int(onnx.helper.find_min_ir_version_for(list(model.opset_import), True))
    except ValueError:  # an opset that this onnx does not know
        return present
    if needed > _COMMON_IR or _has_new_types(model):
        return max(present, needed)
    return max(needed, min(present, _COMMON_IR), _IR_WITHOUT_DOUBLES)


def _has_new_types(model: onnx.ModelProto) -> bool:
    """Whether a constant's type came with an IR of its own (numbers of 4 bits and less)."""
    return any(tensor.data_type > onnx.TensorProto.INT4 for tensor in model.graph.initializer)


def restore_inputs(model: onnx.ModelProto, signature: Signature) -> onnx.ModelProto:
    """Put back the inputs of *signature* that a converter dropped since nothing reads them."""
    present = {value.name for value in model.graph.input} | initialized(model.graph)
    result = copied(model)
    for spec in signature.inputs:
        if spec.name not in present:
            result.graph.input.append(_value(spec))
    return result


def declare_shapes(model: onnx.ModelProto, signature: Signature) -> onnx.ModelProto:
    """Give the outputs without a shape the one that *signature* promises."""
    specs = {spec.name: spec for spec in signature.outputs}
    result = copied(model)
    for value in result.graph.output:
        spec = specs.get(value.name)
        tensor = value.type.tensor_type
        if spec and spec.shape is not None and not tensor.HasField("shape"):
            tensor.shape.CopyFrom(_value(spec).type.tensor_type.shape)
    return result


def _value(spec: TensorSpec) -> onnx.ValueInfoProto:
    axes = None
    if spec.shape is not None:
        free = spec.shape[:1] == (None,)
        axes = ["batch" if free else spec.shape[0], *spec.shape[1:]] if spec.shape else []
    return onnx.helper.make_tensor_value_info(spec.name, _element_type(spec.dtype), axes)


def _element_type(dtype: str) -> int:
    if dtype == "bytes":
        return int(onnx.TensorProto.STRING)
    return int(onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))
