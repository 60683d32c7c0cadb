"""Fields of Open Inference's JSON, read as what they must be.

All raise InvalidRequest where they are something else; the message says where and what.
"""

from __future__ import annotations

from typing import Any

from model_store.errors import InvalidRequest

Object = dict[str, Any]


def objects_of(message: Object, key: str, *, is_required: bool = False) -> list[Object]:
    """A list of objects; empty where nothing is said and nothing need be."""
    items = message.get(key)
    if items is None and not is_required:
        return []
    if type(items) is not list or not all([type(item) is dict for item in items]):
        raise InvalidRequest(f"Unable to parse '{key}': it must be a list of objects")
    return items


def object_of(message: Object, key: str, where: str) -> Object:
    """An object; empty where nothing is said."""
    value = message.get(key)
    if value is None:
        return {}
    if type(value) is not dict:
        raise InvalidRequest(f"'{key}' of {where} must be an object")
    return value


def text_of(item: Object, key: str, where: str) -> str:
    """A string."""
    value = item.get(key)
    if type(value) is not str:
        raise InvalidRequest(f"Unable to parse '{key}' of {where}: it must be a string")
    return value


def shape_of(item: Object, where: str) -> list[int]:
    """A list of whole numbers."""
    shape = item.get("shape")
    if type(shape) is not list or not all([type(size) is int for size in shape]):
        raise InvalidRequest(f"Unable to parse 'shape' of {where}: it must be a list of integers")
    return shape


def flag_of(parameters: Object, key: str, where: str) -> bool:
    """True or false; false where nothing is said."""
    value = parameters.get(key, False)
    if type(value) is not bool:
        raise InvalidRequest(f"parameter '{key}' of {where} must be true or false, got {value!r}")
    return value
