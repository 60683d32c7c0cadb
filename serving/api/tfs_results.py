"""What classification and regression answer: tensors to TF Serving's results, and their JSON."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import orjson

from model_store.errors import InvalidRequest
from serving.api.calls import Tensor, Tensors, dtype_name
from serving.api.protos import tensorflow_serving_inference_pb2 as pb
from serving.api.tfs_json_text import number_texts

CLASSES, SCORES = "classes", "scores"


def classification_result(
    outputs: Tensors, count: int, class_labels: Sequence[str]
) -> pb.ClassificationResult:
    """Classes with their scores, for each of *count* examples.

    Args:
        outputs: ``classes: bytes[N, K]``, ``scores: float32[N, K]``, or one of them.
        count: Of examples.
        class_labels: Names of the classes by number, for outputs that have scores only.

    Raises:
        InvalidRequest: The model's outputs are not these.
    """
    for name, dtype in ((CLASSES, "bytes"), (SCORES, "float32")):
        if name in outputs:
            _check_classes(name, dtype, outputs[name], count)
    shape = (outputs.get(CLASSES, outputs.get(SCORES, np.empty((count, 0))))).shape
    if any(outputs[name].shape != shape for name in (CLASSES, SCORES) if name in outputs):
        raise InvalidRequest(
            "Tensors class and score should match in dim_size(1). Got "
            f"{outputs[CLASSES].shape[1]} vs. {outputs[SCORES].shape[1]}"
        )
    labels = _labels(outputs.get(CLASSES), shape, class_labels)
    scores = outputs[SCORES].tolist() if SCORES in outputs else [[0.0] * shape[1]] * count
    result = pb.ClassificationResult()
    for names, numbers in zip(labels, scores, strict=True):
        result.classifications.add().classes.extend(
            pb.Class(label=label, score=score) for label, score in zip(names, numbers, strict=True)
        )
    return result


def regression_result(outputs: Tensors, count: int) -> pb.RegressionResult:
    """A number for each of *count* examples.

    Raises:
        InvalidRequest: The model's only output is not ``float32[N]`` or ``float32[N, 1]``.
    """
    if len(outputs) != 1:
        raise InvalidRequest("Expected one output Tensor.")
    (tensor,) = outputs.values()
    if tensor.ndim != 1 and tensor.shape[1:] != (1,):
        raise InvalidRequest(
            "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] "
            f"but got {list(tensor.shape)}"
        )
    if len(tensor) != count:
        raise InvalidRequest(
            f"Input batch size did not match output batch size: {count} vs. {len(tensor)}"
        )
    if tensor.dtype != np.float32:
        raise InvalidRequest(f"Expected output Tensor of DT_FLOAT.  Got: {dtype_name(tensor)}")
    return pb.RegressionResult(
        regressions=[pb.Regression(value=value) for value in tensor.ravel().tolist()]
    )


def encode_classification(result: pb.ClassificationResult) -> bytes:
    """``{"results": [[["label", score], ...], ...]}``."""
    rows = []
    for each in result.classifications:
        scores = number_texts(np.array([item.score for item in each.classes], np.float32))
        pairs = (
            b"[%b,%b]" % (orjson.dumps(item.label), score)
            for item, score in zip(each.classes, scores, strict=True)
        )
        rows.append(b"[" + b",".join(pairs) + b"]")
    return b'{"results": [' + b",".join(rows) + b"]}"


def encode_regression(result: pb.RegressionResult) -> bytes:
    """``{"results": [number, ...]}``."""
    numbers = np.array([each.value for each in result.regressions], np.float32)
    return b'{"results": [' + b",".join(number_texts(numbers)) + b"]}"


def _check_classes(name: str, dtype: str, tensor: Tensor, count: int) -> None:
    if tensor.ndim != 2:
        raise InvalidRequest(
            "Expected Tensor shape: [batch_size num_classes] but got " + str(list(tensor.shape))
        )
    if dtype_name(tensor) != dtype:
        wanted = "DT_STRING" if dtype == "bytes" else "DT_FLOAT"
        raise InvalidRequest(f"Expected {name} Tensor of {wanted}. Got: {dtype_name(tensor)}")
    if len(tensor) != count:
        raise InvalidRequest(f"Expected {name} output batch size of {count}. Got: {len(tensor)}")


def _labels(
    classes: Tensor | None, shape: tuple[int, ...], class_labels: Sequence[str]
) -> list[list[str]]:
    rows, columns = shape
    if classes is None:
        names = [*class_labels[:columns], *[""] * (columns - len(class_labels))]
        return [names] * rows
    # The result's labels are text; a class name that is none loses what cannot be shown.
    return [[each.decode(errors="replace") for each in row] for row in classes.tolist()]
