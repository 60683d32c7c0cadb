"""Open Inference's requests and answers over HTTP, with the binary tensor extension.

A body is JSON; with the header ``Inference-Header-Content-Length`` it is JSON of that
length and then the bytes of those tensors that say ``binary_data_size``, in their order.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from model_store.errors import InvalidRequest
from model_store.spec import Signature
from serving.api.calls import Answer, ModelRef, Prediction, Tensor, dtype_name
from serving.api.json_text import dump_json
from serving.api.oip_fields import Object, objects_of, text_of
from serving.api.oip_head import (
    Declared,
    Head,
    read_declared,
    read_head,
    read_message,
    remembered_head,
)
from serving.api.oip_json import decode_data, encode_data
from serving.api.oip_requests import InferOptions
from serving.api.oip_tensors import (
    DATATYPES,
    NUMPY,
    check_declared,
    decode_raw,
    encode_raw,
    object_array,
)
from serving.api.regions import NOT_SHARED, SharedMemory

LENGTH_HEADER = b"inference-header-content-length"


@dataclass(frozen=True, slots=True)
class HttpInferCall:
    """An inference request over HTTP: what to predict, and how the answer is to be written.

    Attributes:
        prediction: The call itself.
        options: How to run it.
        id: The caller's own word for this request, given back with the answer.
        is_binary: Whether outputs are binary where nothing else is said of them.
        binary: What is said of an output, by name.
    """

    prediction: Prediction
    options: InferOptions
    id: str = ""
    is_binary: bool = False
    binary: Mapping[str, bool] = field(default_factory=dict)


def decode_header_length(value: bytes | None, body_length: int) -> int | None:
    """How many bytes of the body are JSON; None for all, 0 for a body that is one raw tensor.

    Raises:
        InvalidRequest: It is not a number, or more than there are.
    """
    if value is None:
        return None
    if not value.isdigit() or len(value) > 18 or int(value) > body_length:
        raise InvalidRequest(
            f"inference header size should be in range (0, {body_length}), "
            f"got: {value.decode('latin-1')[:20]}"
        )
    return int(value)


def decode_infer_request(
    body: bytes, json_length: int | None, model: ModelRef, memory: SharedMemory = NOT_SHARED
) -> HttpInferCall:
    """Read a request whose first *json_length* bytes are JSON; None for all.

    Binary tensors share the body's memory; those in shared *memory* are read from there.

    Raises:
        InvalidRequest: It is not one, or its tensors are not what they say they are.
        EaselError: As ``SharedMemory.read`` does.
    """
    head = None if json_length is None else remembered_head(body, json_length)
    if head is not None and json_length is not None:
        return _call(head, _apart(head, body, json_length, model.name, memory), model, memory)
    message = read_message(body if json_length is None else memoryview(body)[:json_length])
    inputs = _decode_inputs(message, body, json_length, model.name, memory)
    return _call(read_head(message), inputs, model, memory)


def _apart(head: Head, body: bytes, at: int, model: str, memory: SharedMemory) -> dict[str, Tensor]:
    """The tensors that a head announces, from *at* on or in shared memory."""
    inputs: dict[str, Tensor] = {}
    for each in head.inputs:
        where = f"input '{each.name}' for model '{model}'"
        if each.span is not None:
            raw: bytes | memoryview = memory.read(each.span, where)
        else:
            raw = _take(body, at, each.size, where)
            at += len(raw)
        tensor = _aligned(decode_raw(raw, each.dtype, each.elements, where))
        inputs[each.name] = tensor.reshape(each.shape)
    _check_end(body, at, model)
    return inputs


def _call(
    head: Head, inputs: Mapping[str, Tensor], model: ModelRef, memory: SharedMemory
) -> HttpInferCall:
    options = head.options
    for name, span in options.spans.items():
        memory.check(span, f"output '{name}' for model '{model.name}'")
    prediction = Prediction(model, inputs, head.outputs, priority=options.priority)
    return HttpInferCall(prediction, options, head.id, head.is_binary, head.binary)


def decode_raw_request(body: bytes, signature: Signature, model: ModelRef) -> HttpInferCall:
    """Read a body that is one tensor and nothing else: a batch of one, of the only input.

    Raises:
        InvalidRequest: The model has several inputs, or the bytes do not make its shape.
    """
    if len(signature.inputs) != 1:
        raise InvalidRequest(
            f"a raw binary request needs a model with one input; '{model.name}' has "
            f"{len(signature.inputs)}. Describe the tensors in JSON, and send its length in "
            "Inference-Header-Content-Length"
        )
    (spec,) = signature.inputs
    where = f"input '{spec.name}' for model '{model.name}'"
    dtype = NUMPY[DATATYPES[spec.dtype]]
    if dtype == np.object_:
        tensor = object_array([body]).reshape([1] * len(spec.shape or (1,)))
    else:
        axes = (None,) if spec.shape is None else spec.shape
        if signature.is_batched:
            axes = (1, *axes[1:])
        shape = _deduced_shape(axes, len(body) // dtype.itemsize, where)
        elements = check_declared(spec.name, DATATYPES[spec.dtype], shape)[1]
        tensor = decode_raw(body, dtype, elements, where).reshape(shape)
    return HttpInferCall(Prediction(model, {spec.name: tensor}), InferOptions(), is_binary=True)


def _deduced_shape(axes: tuple[int | None, ...], elements: int, where: str) -> list[int]:
    """The axes' lengths, a free one of the length that makes the elements fit."""
    free = axes.count(None)
    if free > 1:
        raise InvalidRequest(f"{where} has {free} free axes; a raw binary request cannot tell them")
    fixed = math.prod([size for size in axes if size is not None])
    return [elements // max(fixed, 1) if size is None else size for size in axes]


def _decode_inputs(
    message: Object, body: bytes, json_length: int | None, model: str, memory: SharedMemory
) -> dict[str, Tensor]:
    at = json_length if json_length is not None else len(body)
    inputs: dict[str, Tensor] = {}
    for item in objects_of(message, "inputs", is_required=True):
        name = text_of(item, "name", "an input")
        if name in inputs:
            raise InvalidRequest(f"input '{name}' is given twice for model '{model}'")
        where = f"input '{name}' for model '{model}'"
        declared = read_declared(item, where)
        _check_one(declared, where)
        if declared.has_data:
            tensor = decode_data(
                item["data"], declared.datatype, declared.dtype, declared.elements, where
            )
        else:
            if declared.span is not None:
                raw: bytes | memoryview = memory.read(declared.span, where)
            else:
                raw = _take(body, at, declared.size, where)
                at += len(raw)
            tensor = _aligned(decode_raw(raw, declared.dtype, declared.elements, where))
        inputs[name] = tensor.reshape(declared.shape)
    _check_end(body, at, model)
    return inputs


def _check_one(declared: Declared, where: str) -> None:
    """Raise InvalidRequest unless it is said once where the data is."""
    given = {
        "'data'": declared.has_data,
        "'binary_data_size'": declared.size is not None,
        "'shared_memory_region'": declared.span is not None,
    }
    if sum(given.values()) != 1:
        which = " ".join(name for name, is_set in given.items() if is_set)
        raise InvalidRequest(
            "Input must set only one of the following fields: 'data', 'binary_data_size' in "
            "'parameters', 'shared_memory_region' in 'parameters'. "
            f"{f'But set {which}' if which else 'But no field is set'}, in {where}"
        )


def _check_end(body: bytes, at: int, model: str) -> None:
    if at != len(body):
        raise InvalidRequest(
            f"unexpected additional input data for model '{model}': {len(body) - at} bytes "
            "belong to no input"
        )


def _take(body: bytes, at: int, size: object, where: str) -> memoryview:
    if type(size) is not int or size < 0:
        raise InvalidRequest(f"binary_data_size must be a whole number, got {size!r} in {where}")
    if at + size > len(body):
        raise InvalidRequest(
            f"unexpected size for {where}, expecting {at + size - len(body)} additional bytes; "
            "is Inference-Header-Content-Length the length of the JSON?"
        )
    return memoryview(body)[at : at + size]


def _aligned(tensor: Tensor) -> Tensor:
    """The tensor where a runtime may read it: JSON's length decides where it lies."""
    return tensor if tensor.flags.aligned else tensor.copy()


def encode_infer_response(
    answer: Answer, call: HttpInferCall, memory: SharedMemory = NOT_SHARED
) -> tuple[bytes, int | None]:
    """Write the answer; returns the body, and the length of its JSON if more follows.

    Raises:
        InvalidRequest: An output that JSON cannot hold is not asked for in binary.
        EaselError: As ``SharedMemory.write`` does.
    """
    spans = call.options.spans
    outputs: list[Object] = []
    tails: list[bytes] = []
    is_finite = True
    for name, tensor in answer.outputs.items():
        datatype = DATATYPES[dtype_name(tensor)]
        output: Object = {"name": name, "datatype": datatype, "shape": tensor.shape}
        if name in spans:
            memory.write(spans[name], encode_raw(tensor), f"output '{name}'")
        elif call.binary.get(name, call.is_binary):
            tails.append(encode_raw(tensor))
            output["parameters"] = {"binary_data_size": len(tails[-1])}
        else:
            output["data"], is_clean = encode_data(tensor, datatype, name)
            is_finite = is_finite and is_clean
        outputs.append(output)
    message: Object = {"model_name": answer.model.name, "model_version": str(answer.model.number)}
    if call.id:
        message["id"] = call.id
    message["outputs"] = outputs
    head = dump_json(message, is_finite=is_finite)
    return (b"".join([head, *tails]), len(head)) if tails else (head, None)
