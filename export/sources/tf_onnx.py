"""From TensorFlow to ONNX: one road, in this process, for all sources of that family.

tf2onnx's own commands write operations that ONNX does not have, and call that a success;
they also name tensors after the graph's insides.  Here the result has the signature's names,
order and dtypes, or the reason why not is an ExportRefused.
"""

from __future__ import annotations

import contextlib
import io
import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
import tensorflow as tf
import tf2onnx
from tf2onnx import tf_loader

from export.sources import tf_handlers, tf_state
from export.sources.onnx_batch import free_batch_axis
from export.sources.tf_names import settle
from export.sources.tf_signatures import signature_of
from model_store.errors import ExportRefused
from model_store.spec import Signature

OPSET = 18
SAVED_MODEL_REMEDY = "export it with --to saved_model, which keeps every operation"

# Why ONNX has no words for an operation, where more can be said than that.
_REASONS = {
    "DecodeJpeg": "ONNX graphs take pixels; the adapter decodes pictures before it calls a model",
    "DecodePng": "ONNX graphs take pixels; the adapter decodes pictures before it calls a model",
    "DecodeImage": "ONNX graphs take pixels; the adapter decodes pictures before it calls a model",
    "EagerPyFunc": "it calls Python, which is not in the file",
    "PyFunc": "it calls Python, which is not in the file",
}
_NO_SUCH_OPERATION = "ONNX has no such operation"


@dataclass(frozen=True, slots=True)
class Trouble:
    """A TensorFlow node that tf2onnx did not convert."""

    node: str
    operation: str
    reason: str

    def __str__(self) -> str:
        node = self.node.removeprefix("Stateful").removeprefix("PartitionedCall/")
        return f"{self.operation} (node {node}): {self.reason}"


def convert_saved_model(folder: Path, signature: str, target: Path) -> tuple[str, ...]:
    """Write one signature of a SavedModel as ONNX; its other signatures do not matter.

    Returns:
        Notes for people.

    Raises:
        ExportRefused: ONNX cannot express the graph; names the operation and the node.
    """
    # Loaded anew: the conversion takes tables away from the function.
    loaded = tf.saved_model.load(str(folder))
    function = loaded.signatures[signature]
    tf_state.refuse_state(function)
    _refuse_shared_names(signature_of(function))
    # The function's own order of names; its other inputs are variables.
    names = dict(
        zip((tensor.name for tensor in function.inputs), _keywords(function), strict=False)
    )
    outputs = [tensor.name for tensor in function.outputs]
    names |= zip(outputs, sorted(function.structured_outputs), strict=True)
    inputs = [name for name in names if name not in outputs]
    with _converting() as troubles, tf.device("/cpu:0"):
        graph, tables = tf_loader.from_trackable(loaded, function, inputs, outputs, False)
        present = {node.name for node in graph.node}
        inputs = [name for name in inputs if name.split(":")[0] in present]
        proto = _convert(graph, inputs, outputs, names, initialized_tables=tables)
    _refuse(troubles, SAVED_MODEL_REMEDY)
    return settle(proto, signature_of(function), target)


def convert_tflite(
    path: Path, names: Mapping[str, str], signature: Signature, target: Path
) -> tuple[str, ...]:
    """Write a TFLite model as ONNX.

    Args:
        path: The ``.tflite`` file.
        names: From the file's tensor names to the signature's.
        signature: What the graph shall take and give.
        target: The file to write.

    Raises:
        ExportRefused: ONNX cannot express the graph; names the operation and the node.
    """
    with _converting() as troubles, tf.device("/cpu:0"):
        proto = _convert(None, None, None, dict(names), tflite_path=str(path))
    _refuse(troubles, "export the model that the file was made from")
    if signature.is_batched:
        free_batch_axis(proto)
    return settle(proto, signature, target)


def versions() -> dict[str, str]:
    """Everything that takes part on this road, by distribution name."""
    return {
        "tensorflow": tf.__version__,
        "tf2onnx": tf2onnx.__version__,
        "onnx": onnx.__version__,
    }


def _refuse_shared_names(signature: Signature) -> None:
    inputs = {spec.name for spec in signature.inputs}
    if shared := sorted(inputs & {spec.name for spec in signature.outputs}):
        raise ExportRefused(
            f"{', '.join(shared)} is an input and an output, and in an ONNX graph a name is one "
            f"tensor; give the output another name, or {SAVED_MODEL_REMEDY}"
        )


def _keywords(function: Any) -> list[str]:
    return list(function._arg_keywords)  # noqa: SLF001  # the one place that keeps the order


def _convert(
    graph: Any,
    inputs: list[str] | None,
    outputs: list[str] | None,
    names: dict[str, str],
    **more: Any,
) -> onnx.ModelProto:
    # What tf2onnx's own command calls; its public functions cannot rename outputs.
    proto, _ = tf2onnx.convert._convert_common(  # noqa: SLF001
        graph,
        name="easel",
        opset=OPSET,
        input_names=inputs,
        output_names=outputs,
        tensors_to_rename=names,
        **more,
    )
    return proto


def _refuse(troubles: list[Trouble], remedy: str) -> None:
    if not troubles:
        return
    listed = "; ".join(sorted({str(trouble) for trouble in troubles})[:5])
    raise ExportRefused(f"ONNX cannot express {listed}; {remedy}")


class _Listener(logging.Handler):
    """tf2onnx says only in its log which nodes it left as they were."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.troubles: list[Trouble] = []

    def emit(self, record: logging.LogRecord) -> None:
        arguments = record.args if isinstance(record.args, tuple) else ()
        if str(record.msg).startswith(("Could not initialize table", "Could not find table")):
            reason = "its entries cannot be read, perhaps because they change while it is served"
            self.troubles.append(Trouble(str(arguments[0]), "a lookup table", reason))
        elif "is not supported" in str(record.msg) and len(arguments) == 2:
            node, operation = map(str, arguments)
            reason = _REASONS.get(operation, _NO_SUCH_OPERATION)
            self.troubles.append(Trouble(node, operation, reason))
        elif "Failed to convert node" in str(record.msg) and record.exc_info:
            kind = re.search(r"OP=(\w+)", str(arguments[2]))
            operation = kind.group(1) if kind else "an operation"
            reason = str(record.exc_info[1]).removeprefix("make_sure failure: ")
            self.troubles.append(Trouble(str(arguments[0]), operation, reason))


@contextlib.contextmanager
def _converting() -> Iterator[list[Trouble]]:
    """Keep the converter's chatter to itself, and collect what it could not convert."""
    logger, listener = logging.getLogger("tf2onnx"), _Listener()
    propagated, logger.propagate = logger.propagate, False
    logger.addHandler(listener)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield listener.troubles
    except ExportRefused:
        raise
    except Exception as error:  # neither TensorFlow nor tf2onnx has an error of its own
        _refuse(listener.troubles, SAVED_MODEL_REMEDY)
        raise ExportRefused(
            f"the model cannot be converted to ONNX: {error}; {SAVED_MODEL_REMEDY}"
        ) from error
    finally:
        logger.removeHandler(listener)
        logger.propagate = propagated


assert tf_handlers.FORMULAS  # imported for what it teaches tf2onnx
