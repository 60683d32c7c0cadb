"""Open Inference's answers about models, as plain values.

Over HTTP they are the JSON itself; over gRPC they fill the message of the same fields.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from model_store.spec import Signature, TensorSpec
from serving.api.oip_tensors import DATATYPES

Document = dict[str, Any]

PLATFORM = "onnxruntime_onnx"


def metadata(name: str, versions: Sequence[int], signature: Signature) -> Document:
    """A model's tensors with their batch axis; a free axis is -1."""
    return {
        "name": name,
        "versions": [str(number) for number in versions],
        "platform": PLATFORM,
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
