"""Open Inference's answers about models, as plain values.

Over HTTP they are the JSON itself; over gRPC they fill the message of the same fields.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from model_store.spec import ModelVersion, Signature, TensorSpec
from serving.api.oip_requests import USUAL_LEVEL
from serving.api.oip_tensors import DATATYPES

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Platform:
    """What runs a model, in Triton's words."""

    name: str
    backend: str
    filename: str


# By the manifest's format.
PLATFORMS = {
    "onnx": Platform("onnxruntime_onnx", "onnxruntime", "model.onnx"),
    "saved_model": Platform("tensorflow_savedmodel", "tensorflow", "saved_model.pb"),
}

# Levels from the most urgent to the least that make a difference.
_LEVELS = 12


def metadata(
    name: str, versions: Sequence[int], signature: Signature, platform: Platform
) -> Document:
    """A model's tensors with their batch axis; a free axis is -1."""
    return {
        "name": name,
        "versions": [str(number) for number in versions],
        "platform": platform.name,
        "inputs": [_tensor(spec) for spec in signature.inputs],
        "outputs": [_tensor(spec) for spec in signature.outputs],
    }


def _tensor(spec: TensorSpec) -> Document:
    return {"name": spec.name, "datatype": DATATYPES[spec.dtype], "shape": wire_shape(spec)}


def wire_shape(spec: TensorSpec) -> list[int]:
    """Axis lengths, -1 for a free one."""
    if spec.shape is None:  # the protocol cannot say "any rank"
        return [-1]
    return [-1 if size is None else size for size in spec.shape]


@dataclass(frozen=True, slots=True)
class Batching:
    """How requests are joined, as far as clients are told.

    Attributes:
        max_rows: Rows of one run.
        allowed_rows: Rows that a run may have; empty for any.
        delay_us: Longest wait for company, in microseconds.
        max_waiting_rows: Rows that may wait.
    """

    max_rows: int
    allowed_rows: tuple[int, ...]
    delay_us: int
    max_waiting_rows: int


def config(
    model: ModelVersion,
    signature: Signature,
    platform: Platform,
    batching: Batching,
    *,
    has_labels: bool,
) -> Document:
    """A model's configuration in Triton's terms.

    A batched model has a ``max_batch_size``, and its tensors are told without the batch
    axis.  Longer requests are split, so the number is what one run takes, not a limit.
    """
    is_batched = signature.is_batched
    outputs = [_config_tensor(spec, is_batched=is_batched) for spec in signature.outputs]
    if has_labels:
        for output in outputs:
            output["label_filename"] = "labels.txt"
    document: Document = {
        "name": model.name,
        "platform": platform.name,
        "backend": platform.backend,
        "version_policy": {"specific": {"versions": [model.number]}},
        "max_batch_size": batching.max_rows if is_batched else 0,
        "input": [_config_tensor(spec, is_batched=is_batched) for spec in signature.inputs],
        "output": outputs,
        "default_model_filename": platform.filename,
    }
    if is_batched:
        document["dynamic_batching"] = {
            "preferred_batch_size": list(batching.allowed_rows),
            "max_queue_delay_microseconds": batching.delay_us,
            "priority_levels": _LEVELS,
            "default_priority_level": USUAL_LEVEL,
            "default_queue_policy": {"max_queue_size": batching.max_waiting_rows},
        }
    return document


def _config_tensor(spec: TensorSpec, *, is_batched: bool) -> Document:
    datatype = DATATYPES[spec.dtype]
    return {
        "name": spec.name,
        "data_type": "TYPE_STRING" if datatype == "BYTES" else f"TYPE_{datatype}",
        "dims": wire_shape(spec)[1 if is_batched else 0 :],
    }


def index(entries: Iterable[tuple[ModelVersion, str, str]]) -> list[Document]:
    """The repository's versions: each with its state, and the reason for it if there is one."""
    return [
        {"name": model.name, "version": str(model.number), "state": state}
        | ({"reason": reason} if reason else {})
        for model, state, reason in entries
    ]
