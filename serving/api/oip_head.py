"""The JSON of an Open Inference request over HTTP: what it says of its tensors and wants done.

A caller says the same with each request, names, types and shapes: where the data follows in
binary, the whole of it is read once and remembered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from model_store.errors import InvalidRequest
from serving.api.json_text import parse_json
from serving.api.oip_fields import Object, flag_of, object_of, objects_of, shape_of, text_of
from serving.api.oip_regions import decode_span
from serving.api.oip_requests import InferOptions, decode_options
from serving.api.oip_tensors import check_declared
from serving.api.regions import Span

# Longer heads hold something that is seldom said twice.
_REMEMBERED_BYTES = 1024
_REMEMBERED = 256


@dataclass(frozen=True, slots=True)
class Declared:
    """An input as the JSON declares it.

    Attributes:
        size: Of its bytes after the JSON, if it is there.
        span: Where in shared memory it is, if it is there.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    elements: int
    size: object
    has_data: bool
    span: Span | None = None

    @property
    def is_apart(self) -> bool:
        """Whether its bytes are not in the JSON, as far as that can be said without them."""
        if self.span is not None:
            return self.size is None and not self.has_data
        return type(self.size) is int and not self.has_data


@dataclass(frozen=True, slots=True)
class Head:
    """What a request's JSON says, but for the data in it; shared by requests that say the same.

    Attributes:
        inputs: Whose bytes are not in the JSON; none where that was not said of all.
        outputs: Names of the wanted ones; empty for all.
        options: How to run it.
        id: The caller's own word for the request.
        is_binary: Whether outputs are binary where nothing else is said of them.
        binary: What is said of an output, by name.
    """

    inputs: tuple[Declared, ...]
    outputs: tuple[str, ...]
    options: InferOptions
    id: str
    is_binary: bool
    binary: Mapping[str, bool]


def read_message(text: bytes | memoryview) -> Object:
    """The JSON as an object.

    Raises:
        InvalidRequest: It is none.
    """
    message = parse_json(text)
    if type(message) is not dict:
        raise InvalidRequest("the request must be a JSON object")
    return message


def read_head(message: Object) -> Head:
    """All that a request says, but for its inputs.

    Raises:
        InvalidRequest: Something is not what it must be.
    """
    parameters = object_of(message, "parameters", "the request")
    wanted = _wanted(message)
    request_id = message.get("id", "")
    if type(request_id) is not str:
        raise InvalidRequest(f"'id' must be a string, got {request_id!r}")
    return Head(
        (),
        tuple(wanted),
        decode_options(parameters, wanted),
        request_id,
        flag_of(parameters, "binary_data_output", "the request"),
        {
            name: flag_of(given, "binary_data", f"output '{name}'")
            for name, given in wanted.items()
            if "binary_data" in given
        },
    )


def remembered_head(body: bytes, json_length: int) -> Head | None:
    """What the JSON at a body's begin says; None where it holds data itself, or a mistake."""
    return _remembered(body[:json_length]) if json_length <= _REMEMBERED_BYTES else None


@lru_cache(maxsize=_REMEMBERED)
def _remembered(text: bytes) -> Head | None:
    try:
        message = read_message(text)
        items = objects_of(message, "inputs", is_required=True)
        declared = tuple([read_declared(item, "") for item in items])
        is_clear = all([each.is_apart for each in declared])
        if is_clear and len({each.name for each in declared}) == len(declared):
            return replace(read_head(message), inputs=declared)
    except InvalidRequest:
        pass  # told with the rest of the request in view
    return None


def read_declared(item: Object, where: str) -> Declared:
    """One of the inputs; *where* is told of mistakes.

    Raises:
        InvalidRequest: Something is not what it must be, or no tensor is like that.
    """
    name, shape = text_of(item, "name", "an input"), shape_of(item, where)
    datatype = text_of(item, "datatype", where)
    dtype, elements = check_declared(name, datatype, shape)
    parameters = object_of(item, "parameters", where)
    size, span = parameters.get("binary_data_size"), decode_span(parameters, where)
    return Declared(name, datatype, tuple(shape), dtype, elements, size, "data" in item, span)


def _wanted(message: Object) -> dict[str, Object]:
    """The parameters of the outputs that are asked for, by name."""
    wanted: dict[str, Object] = {}
    for item in objects_of(message, "outputs"):
        name = text_of(item, "name", "an output")
        if name in wanted:
            raise InvalidRequest(f"output '{name}' is asked for twice")
        wanted[name] = object_of(item, "parameters", f"output '{name}'")
    return wanted
