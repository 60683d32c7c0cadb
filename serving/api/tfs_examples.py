"""tf.Examples to tensors: how classification and regression take their input.

A model that TensorFlow exported for them takes the examples as they are, serialized, and
reads the features in its graph.  Any other has its inputs filled from the features of the
same names.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from model_store.errors import InvalidRequest
from model_store.spec import DEFAULT_SIGNATURE, Signature, TensorSpec
from serving.api.calls import ModelRef, Tensor, Tensors
from serving.api.protos import tensorflow_example_pb2 as ex
from serving.api.protos import tensorflow_serving_inference_pb2 as pb
from serving.api.tfs import decode_model_ref, decode_model_spec
from serving.api.wire import narrow, parse

CLASSIFY = "/tensorflow.serving.PredictionService/Classify"
REGRESS = "/tensorflow.serving.PredictionService/Regress"
MULTI_INFERENCE = "/tensorflow.serving.PredictionService/MultiInference"

# The list that holds values of a numpy kind, and the type it holds them in.
_LISTS: Mapping[str, tuple[str, np.dtype[Any]]] = {
    "f": ("float_list", np.dtype(np.float32)),
    "i": ("int64_list", np.dtype(np.int64)),
    "u": ("int64_list", np.dtype(np.int64)),
    "b": ("int64_list", np.dtype(np.int64)),
    "O": ("bytes_list", np.dtype(object)),
}


@dataclass(frozen=True, slots=True)
class ExampleCall:
    """A request to run one signature on examples.

    Attributes:
        model: Which servable.
        signature: Which way to call it.
        examples: Serialized, each with the features that all share.
    """

    model: ModelRef
    signature: str
    examples: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Task:
    """One of the runs of a multi-inference request; *method_name* is the protocol's."""

    call: ExampleCall
    method_name: str


def decode_classification(data: bytes) -> ExampleCall:
    """Read a ClassificationRequest.

    Raises:
        InvalidRequest: It is not one, does not say which model, or has no example.
    """
    request = parse(pb.ClassificationRequest, data)
    model = decode_model_spec(request)
    return ExampleCall(model, _signature(request), decode_examples(request.input))


def decode_regression(data: bytes) -> ExampleCall:
    """Read a RegressionRequest.

    Raises:
        InvalidRequest: As ``decode_classification``.
    """
    request = parse(pb.RegressionRequest, data)
    model = decode_model_spec(request)
    return ExampleCall(model, _signature(request), decode_examples(request.input))


def decode_multi_inference(data: bytes) -> tuple[Task, ...]:
    """Read a MultiInferenceRequest; all its tasks have one model and different signatures.

    Raises:
        InvalidRequest: It is not one, has no task or example, or its tasks do not go together.
    """
    request = parse(pb.MultiInferenceRequest, data)
    if not request.tasks:
        raise InvalidRequest("ModelSpec has no name specified.")
    if not all(task.model_spec.name for task in request.tasks):
        raise InvalidRequest("Found ModelSpec with an empty model name.")
    if len({task.model_spec.name for task in request.tasks}) > 1:
        raise InvalidRequest(
            "All ModelSpecs in a MultiInferenceRequest must access the same model name."
        )
    seen: set[str] = set()
    for signature in map(_signature, request.tasks):
        if signature in seen:
            raise InvalidRequest(f"Duplicate evaluation of signature: {signature}")
        seen.add(signature)
    # One version computes all of it: the first task's.
    model = decode_model_ref(request.tasks[0].model_spec)
    examples = decode_examples(request.input)
    return tuple(
        Task(ExampleCall(model, _signature(task), examples), task.method_name)
        for task in request.tasks
    )


def decode_examples(given: pb.Input) -> tuple[bytes, ...]:
    """Each example serialized; what they share comes before it, so that its own values win.

    Raises:
        InvalidRequest: There is none.
    """
    listed = given.example_list_with_context
    shared = listed.context.SerializeToString()
    examples = given.example_list.examples or listed.examples
    if not examples:
        raise InvalidRequest("Input is empty.")
    return tuple(shared + example.SerializeToString() for example in examples)


def read_examples(examples: Sequence[bytes], signature: Signature) -> Tensors:
    """The inputs of a signature from examples; axis 0 counts them.

    Raises:
        InvalidRequest: An example is not one, or lacks what an input needs.
    """
    if _takes_examples(signature):
        tensor = np.empty(len(examples), object)
        tensor[:] = examples
        return {signature.inputs[0].name: tensor}
    features = [parse(ex.Example, example).features for example in examples]
    return {spec.name: _read_feature(spec, features) for spec in signature.inputs}


def _signature(
    request: pb.ClassificationRequest | pb.RegressionRequest | pb.InferenceTask,
) -> str:
    return request.model_spec.signature_name or DEFAULT_SIGNATURE


def _takes_examples(signature: Signature) -> bool:
    (*_, spec) = signature.inputs
    return len(signature.inputs) == 1 and spec.dtype == "bytes" and spec.shape in (None, (None,))


def _read_feature(spec: TensorSpec, examples: Iterable[ex.Features]) -> Tensor:
    """One input: its rows are the lists of that name."""
    if not spec.shape:
        raise InvalidRequest(f"input {spec} cannot be filled from examples: it has no batch axis")
    dtype = np.dtype(object if spec.dtype == "bytes" else spec.dtype)
    inner = spec.shape[1:]
    rows: list[Tensor] = []
    for number, features in enumerate(examples):
        place = f"feature {spec.name!r} of example {number}"
        row = _read_list(place, features, spec.name, dtype)
        # An axis of free length is as long as the first example makes it.
        inner = _inner_shape(place, inner, row.size)
        rows.append(row)
    return np.concatenate(rows).reshape(len(rows), *inner)


def _read_list(place: str, features: ex.Features, name: str, dtype: np.dtype[Any]) -> Tensor:
    field, carrier = _LISTS[dtype.kind]
    kind = features.feature[name].WhichOneof("kind") if name in features.feature else None
    if kind is None:
        raise InvalidRequest(f"{place} is missing")
    if kind != field:
        raise InvalidRequest(f"{place} must be a {field}, got a {kind}")
    values: Any = getattr(features.feature[name], field).value
    if dtype == np.object_:
        strings = np.empty(len(values), object)
        strings[:] = values
        return strings
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            floats: Tensor = np.array(values, carrier)
            return floats.astype(dtype)
    try:
        return narrow(values, carrier, dtype)
    except InvalidRequest as error:
        raise InvalidRequest(f"{place}: {error}") from error


def _inner_shape(place: str, inner: tuple[int | None, ...], count: int) -> tuple[int, ...]:
    """The shape of one example's values, of which there are *count*."""
    fixed = [size for size in inner if size is not None]
    if len(inner) - len(fixed) > 1:
        raise InvalidRequest(f"{place}: a list does not say how long {list(inner)} is")
    each = math.prod(fixed)
    free = count // each if each else 0
    shape = tuple(free if size is None else size for size in inner)
    if math.prod(shape) != count:
        raise InvalidRequest(f"{place} must have {math.prod(shape)} values, got {count}")
    return shape
