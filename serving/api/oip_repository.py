"""Requests about Open Inference's model repository, over HTTP."""

from __future__ import annotations

from typing import Any

from model_store.errors import InvalidRequest
from serving.api.json_text import parse_json


def decode_index_request(body: bytes) -> bool:
    """Read whether only versions that can be called are wanted; an empty body wants all.

    Raises:
        InvalidRequest: It is not a JSON object, or ``ready`` is not true or false.
    """
    message = _object(body)
    only_ready = message.get("ready", False)
    if type(only_ready) is not bool:
        raise InvalidRequest(f"'ready' must be true or false, got {only_ready!r}")
    return only_ready


def decode_load_request(body: bytes) -> tuple[str, ...]:
    """Read the names of the parameters of a request to load or unload.

    Raises:
        InvalidRequest: It is not a JSON object, or ``parameters`` is none.
    """
    parameters = _object(body).get("parameters", {})
    if type(parameters) is not dict:
        raise InvalidRequest("'parameters' must be an object")
    return tuple(parameters)


def _object(body: bytes) -> dict[str, Any]:
    message = parse_json(body) if body else {}
    if type(message) is not dict:
        raise InvalidRequest("the request must be a JSON object")
    return message
