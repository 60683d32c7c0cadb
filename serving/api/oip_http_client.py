"""Open Inference over HTTP with binary tensors, from the caller's side.

``oip_binary`` has the server's side.  The JSON of a request says only names, types and
shapes, which are few and come again and again: it is written once for each.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from model_store.errors import InvalidRequest
from serving.api.calls import ModelRef, Prediction, Tensor, Tensors, dtype_name
from serving.api.oip_json import decode_data
from serving.api.oip_tensors import (
    DATATYPES,
    check_declared,
    decode_raw,
    raw_view,
)
from serving.api.regions import Region, Span

READY_PATH = "/v2/health/ready"

_REMEMBERED_BYTES = 4096

NO_SPANS: Mapping[str, Span] = MappingProxyType({})
_Described = tuple[str, str, tuple[int, ...], int | Span]


def infer_path(model: ModelRef) -> str:
    """Where a model's predictions are asked for; a version label cannot be said."""
    version = "" if model.version is None else f"/versions/{model.version}"
    return f"/v2/models/{quote(model.name)}{version}/infer"


def region_path(name: str, verb: str) -> str:
    """Where a region of shared memory is registered and unregistered."""
    return f"/v2/systemsharedmemory/region/{quote(name)}/{verb}"


def encode_register_request(region: Region) -> bytes:
    """Write a request to register *region*."""
    message = {"key": region.key, "offset": region.offset, "byte_size": region.byte_size}
    return json.dumps(message).encode()


def encode_infer_request(
    prediction: Prediction, spans: Mapping[str, Span] = NO_SPANS
) -> tuple[list[bytes | memoryview], int]:
    """Write a request for all outputs, in binary; returns the body in parts, and its JSON's length.

    The parts after the first are the tensors' own memory, where that holds what is sent.  Those
    tensors that are in shared memory already, at *spans*, are not sent.
    """
    tails: list[bytes | memoryview] = []
    described: list[_Described] = []
    for name, tensor in prediction.inputs.items():
        where: int | Span | None = spans.get(name)
        if where is None:
            tails.append(raw_view(tensor))
            where = len(tails[-1])
        described.append((name, DATATYPES[dtype_name(tensor)], tensor.shape, where))
    head = _head(tuple(described))
    return [head, *tails], len(head)


@lru_cache(maxsize=256)
def _head(described: tuple[_Described, ...]) -> bytes:
    inputs = [
        {
            "name": name,
            "datatype": datatype,
            "shape": shape,
            "parameters": _where(where),
        }
        for name, datatype, shape, where in described
    ]
    message = {"inputs": inputs, "parameters": {"binary_data_output": True}}
    return json.dumps(message, separators=(",", ":")).encode()


def _where(where: int | Span) -> Mapping[str, int | str]:
    if not isinstance(where, Span):
        return {"binary_data_size": where}
    return {
        "shared_memory_region": where.region,
        "shared_memory_byte_size": where.byte_size,
        "shared_memory_offset": where.offset,
    }


def decode_infer_response(body: bytes, json_length: int | None) -> tuple[str, Tensors]:
    """Read an answer whose first *json_length* bytes are JSON; None for all.

    Binary tensors share the body's memory.

    Returns:
        The server's word for its version, and the outputs.

    Raises:
        InvalidRequest: It is not one.
    """
    try:
        message = _read_head(body, json_length)
        outputs: dict[str, Tensor] = {}
        at = len(body) if json_length is None else json_length
        for item in message["outputs"]:
            size = (item.get("parameters") or {}).get("binary_data_size")
            raw = None if size is None else memoryview(body)[at : at + size]
            at += size or 0
            outputs[item["name"]] = _decode_output(item, raw)
        return str(message.get("model_version") or ""), outputs
    except (
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        OverflowError,
        RecursionError,
    ) as error:
        raise InvalidRequest(f"this is no inference response: {error!r}") from error


def _read_head(body: bytes, json_length: int | None) -> Any:
    if json_length is None:
        return json.loads(body)
    head = body[:json_length]
    return _remembered(head) if json_length <= _REMEMBERED_BYTES else json.loads(head)


# Before binary tensors it says no more than a request's, and as often the same.
_remembered = lru_cache(maxsize=256)(json.loads)


def decode_error(body: bytes) -> str:
    """A refusal's own words; empty when it has none."""
    try:
        return str(json.loads(body)["error"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return ""


def _decode_output(item: dict[str, Any], raw: memoryview | None) -> Tensor:
    name, shape = item["name"], item["shape"]
    dtype, elements = check_declared(name, item["datatype"], shape)
    if raw is not None:
        return decode_raw(raw, dtype, elements, f"output '{name}'").reshape(shape)
    data = decode_data(item["data"], item["datatype"], dtype, elements, f"output '{name}'")
    return data.reshape(shape)
