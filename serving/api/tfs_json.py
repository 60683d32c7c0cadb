"""TF Serving's REST requests: JSON text to tensors, by a signature.

Rules and messages are those of tensorflow_serving/util/json_tensor.cc.  In row form there
is a value for each instance, in column form a tensor with all of them.  What stands after
the JSON object is not looked at, nor are keys that nobody asked for.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from model_store.errors import InvalidRequest
from model_store.spec import DEFAULT_SIGNATURE, Signature, TensorSpec
from serving.api.calls import Tensor
from serving.api.json_numbers import open_numbers
from serving.api.tfs_json_values import (
    debug_text,
    dense_shape,
    first_unlike,
    is_base64,
    read_tensor,
    try_read,
)

_BOM = b"\xef\xbb\xbf"
# The parser of TF Serving says it so; other failures have our parser's words.
_PARSER_WORDS = {
    "Expecting value": "Invalid value.",
    "Expecting property name enclosed in double quotes": "Missing a name for object member.",
    "Expecting ':' delimiter": "Missing a colon after a name of object member.",
    "Expecting ',' delimiter": "Missing a comma or } or ] after a member or an element.",
    "Unterminated string starting at": "Missing a closing quotation mark in string.",
    "Invalid \\escape": "Invalid escape character in string.",
    "Invalid \\uXXXX escape": "Incorrect hex digit after \\u escape in string.",
    "Invalid control character at": "Invalid encoding in string.",
}


@dataclass(frozen=True, slots=True)
class PredictInputs:
    """What a predict request holds.

    Attributes:
        signature: Which way to call the model.
        tensors: By input.
        is_by_row: Whether the answer is wanted as rows, or as columns.
    """

    signature: str
    tensors: Mapping[str, Tensor]
    is_by_row: bool

    @property
    def rows(self) -> int:
        """How many instances there are, in row form."""
        return max((len(tensor) for tensor in self.tensors.values()), default=0)


def parse_object(body: bytes) -> dict[str, Any]:
    """Read the JSON object that *body* begins with; NaN and Infinity are numbers.

    Raises:
        InvalidRequest: It is not one.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        value = _parse_leniently(body)
    if not isinstance(value, dict):
        raise InvalidRequest(f"JSON Value: {debug_text(value)} Is not object")
    return value


def signature_name(document: Mapping[str, Any]) -> str:
    """Which signature is asked for; empty if that is not said.

    Raises:
        InvalidRequest: It is not a string.
    """
    name = document.get("signature_name", "")
    if not isinstance(name, str):
        raise InvalidRequest(
            f"JSON Value: {debug_text(document)} not formatted correctly. "
            "'signature_name' key must be a string value."
        )
    return name


def decode_predict(body: bytes, find: Callable[[str], Signature]) -> PredictInputs:
    """Read a predict request.

    Args:
        body: The JSON text.
        find: The signature of that name; raises where there is none.

    Raises:
        InvalidRequest: It is not JSON, in neither form or in both, or a value does not fit.
    """
    return _read_plainly(body, find) or _read_with_care(body, find)


def _read_plainly(body: bytes, find: Callable[[str], Signature]) -> PredictInputs | None:
    """The usual request, whose inputs are lists of numbers and no more; None for any other."""
    document = open_numbers(body)
    if document is None or document.has("instances") == document.has("inputs"):
        return None
    name = document.text("signature_name")
    if name is None:
        return None
    signature = find(name or DEFAULT_SIGNATURE)
    is_by_row = document.has("instances")
    key = "instances" if is_by_row else "inputs"
    tensors: dict[str, Tensor] = {}
    columns = None if is_by_row else document.inside(key)
    for spec in signature.inputs:
        if columns is not None:
            tensor = columns.numbers(spec.name, spec.dtype) if columns.has(spec.name) else None
        else:
            tensor = document.numbers(key, spec.dtype) if len(signature.inputs) == 1 else None
        if tensor is None:
            return None
        tensors[spec.name] = tensor
    return PredictInputs(name or DEFAULT_SIGNATURE, tensors, is_by_row)


def _read_with_care(body: bytes, find: Callable[[str], Signature]) -> PredictInputs:
    document = parse_object(body)
    name = signature_name(document) or DEFAULT_SIGNATURE
    signature = find(name)
    if "instances" in document and "inputs" in document:
        raise InvalidRequest(
            f"JSON Value: {debug_text(document)} Not formatted correctly expecting only "
            "one of 'inputs' or 'instances' keys to exist "
        )
    if "instances" in document:
        return PredictInputs(name, _read_rows(document, signature), is_by_row=True)
    if "inputs" in document:
        tensors = _read_columns(document["inputs"], signature)
        return PredictInputs(name, tensors, is_by_row=False)
    raise InvalidRequest("Missing 'inputs' or 'instances' key")


def _parse_leniently(body: bytes) -> Any:
    """What orjson refuses and TF Serving does not: its words for numbers, bytes after the end."""
    if not body:
        raise InvalidRequest("JSON Parse error: The document is empty")
    try:
        text = body.removeprefix(_BOM).decode()
        stripped = text.lstrip(" \t\r\n")
        offset = len(text) - len(stripped)
        if not stripped:
            raise InvalidRequest(f"JSON Parse error: The document is empty. at offset: {offset}")
        value, _ = json.JSONDecoder().raw_decode(stripped)
        if "\\ud" in text or "\\uD" in text:  # half a pair of surrogates is no character
            json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        words = _PARSER_WORDS.get(error.msg, f"{error.msg}.")
        raise InvalidRequest(
            f"JSON Parse error: {words} at offset: {error.pos + offset}"
        ) from error
    except UnicodeDecodeError as error:
        raise InvalidRequest(
            f"JSON Parse error: Invalid encoding in string. at offset: {error.start}"
        ) from error
    except UnicodeEncodeError as error:
        raise InvalidRequest(
            "JSON Parse error: The surrogate pair in string is invalid."
        ) from error
    except RecursionError as error:
        raise InvalidRequest("JSON Parse error: Nested too deeply.") from error
    except ValueError as error:  # a whole number of thousands of digits
        raise InvalidRequest("JSON Parse error: Number too big to be stored in double.") from error
    return value


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and not is_base64(value)


def _read_rows(document: Mapping[str, Any], signature: Signature) -> dict[str, Tensor]:
    instances = document["instances"]
    if not isinstance(instances, list):
        raise InvalidRequest(
            f"JSON Value: {debug_text(document)} Expecting 'instances' to be an list/array"
        )
    if instances and not isinstance(instances[0], dict) and len(signature.inputs) > 1:
        raise InvalidRequest(
            "instances is a plain list, but expecting list of objects as multiple "
            "input tensors required as per tensorinfo_map"
        )
    if instances and _is_object(instances[0]):
        return _read_objects(instances, signature)
    return _read_plain(instances, signature.inputs[0])


def _read_plain(instances: list[Any], spec: TensorSpec) -> dict[str, Tensor]:
    if dict in set(map(type, instances)):
        for number, item in enumerate(instances):
            if _is_object(item):
                raise InvalidRequest(
                    f"Expecting value/list but got object at item {number} of input list"
                )
    return {spec.name: _read_rows_of(instances, spec, "")}


def _read_objects(instances: list[Any], signature: Signature) -> dict[str, Tensor]:
    names = {spec.name for spec in signature.inputs}
    if set(map(type, instances)) != {dict} or set(map(frozenset, instances)) != {frozenset(names)}:
        _check_objects(instances, names)
    return {
        spec.name: _read_rows_of(
            [item[spec.name] for item in instances], spec, f" key: {spec.name}"
        )
        for spec in signature.inputs
    }


def _check_objects(instances: list[Any], names: set[str]) -> None:
    for number, item in enumerate(instances):
        if not _is_object(item):
            raise InvalidRequest(f"Expecting object but got list at item {number} of input list")
        for name in item.keys() - names:
            raise InvalidRequest(
                f"Failed to process element: {number} key: {name} of 'instances' list. "
                f"Error: INVALID_ARGUMENT: JSON object: does not have named input: {name}"
            )
        if item.keys() != names:
            raise InvalidRequest(
                f"Failed to process element: {number} of 'instances' list. JSON object: "
                f"{debug_text(item)} keys must be equal to: {','.join(sorted(names))}"
            )


def _read_rows_of(rows: list[Any], spec: TensorSpec, key: str) -> Tensor:
    """Read the rows of one input; they are like the first."""
    if not dense_shape(rows)[0]:
        return read_tensor(rows, spec)
    number = 0
    try:
        shape = read_tensor(rows[0], spec).shape
        tensor = try_read(rows, (len(rows), *shape), spec.dtype)
        if tensor is not None:
            return tensor
        number = first_unlike(rows, shape, spec.dtype)
        raise _unlike(read_tensor(rows[number], spec), shape)
    except InvalidRequest as error:
        raise InvalidRequest(
            f"Failed to process element: {number}{key} of 'instances' list. "
            f"Error: {error.code.name}: {error}"
        ) from error


def _unlike(row: Tensor, shape: tuple[int, ...]) -> InvalidRequest:
    if row.size != math.prod(shape):
        return InvalidRequest(f"Expecting tensor size: {math.prod(shape)} but got: {row.size}")
    return InvalidRequest(f"Expecting shape {_shape_text(shape)} but got: {_shape_text(row.shape)}")


def _shape_text(shape: tuple[int, ...]) -> str:
    return f"[{','.join(map(str, shape))}]"


def _read_columns(value: Any, signature: Signature) -> dict[str, Tensor]:
    if not _is_object(value):
        if len(signature.inputs) > 1:
            raise InvalidRequest(
                "inputs is a plain value/list, but expecting an object as multiple "
                "input tensors required as per tensorinfo_map"
            )
        (spec,) = signature.inputs
        return {spec.name: read_tensor(value, spec)}
    for spec in signature.inputs:
        if spec.name not in value:
            raise InvalidRequest(f"Missing named input: {spec.name} in 'inputs' object.")
    return {spec.name: read_tensor(value[spec.name], spec) for spec in signature.inputs}
