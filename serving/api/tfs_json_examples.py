"""Examples as TF Serving's REST API takes them: an object of features each, to tf.Examples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from model_store.errors import InvalidRequest
from serving.api.protos import tensorflow_example_pb2 as ex
from serving.api.protos import tensorflow_serving_inference_pb2 as pb
from serving.api.tfs_json_values import debug_text, decode_base64, is_base64, type_text

_INT64 = range(-(2**63), 2**63)
_UINT64 = range(2**64)
_KIND_NAMES = {"bytes_list": "bytes", "float_list": "float", "int64_list": "int64"}


def read_example_list(document: Mapping[str, Any]) -> pb.Input:
    """Read ``examples``, and the ``context`` that they share.

    Raises:
        InvalidRequest: There are none, or a feature cannot be read.
    """
    found = pb.Input()
    if "context" in document:
        listed = found.example_list_with_context
        listed.context.CopyFrom(_read_example(document["context"]))
        listed.examples.extend(map(_read_example, _examples(document)))
    else:
        found.example_list.examples.extend(map(_read_example, _examples(document)))
    return found


def _examples(document: Mapping[str, Any]) -> list[Any]:
    if "examples" not in document:
        complaint = "When method is classify, key 'examples' is expected and was not found"
    elif not isinstance(document["examples"], list):
        complaint = "Expecting 'examples' value to be an list/array"
    elif not document["examples"]:
        complaint = "'examples' value is an empty array"
    else:
        return document["examples"]
    raise InvalidRequest(f"JSON Value: {debug_text(document)} {complaint}")


def _read_example(value: Any) -> ex.Example:
    if not isinstance(value, dict):
        raise InvalidRequest(f"Example must be JSON object but got JSON {type_text(value)}")
    example = ex.Example()
    for name, content in value.items():
        feature = example.features.feature[name]
        for item in content if isinstance(content, list) else [content]:
            _add(feature, name, item)
    return example


def _add(feature: ex.Feature, name: str, value: Any) -> None:
    match value:
        case bool():
            _of_kind(feature, name, "int64_list").value.append(int(value))
        case int() if value in _INT64:
            _of_kind(feature, name, "int64_list").value.append(value)
        case int() if value in _UINT64:
            _of_kind(feature, name, "int64_list")
            raise InvalidRequest(
                f"Feature: {name} has uint64_t element. Only int64_t is supported."
            )
        case int() | float():
            _of_kind(feature, name, "float_list").value.append(_as_float(value))
        case str():
            _of_kind(feature, name, "bytes_list").value.append(value.encode())
        case _ if is_base64(value):
            _of_kind(feature, name, "bytes_list").value.append(decode_base64(value))
        case _:
            raise InvalidRequest(
                f"Feature: {name} has element with unexpected JSON type: {type_text(value)}"
            )


def _as_float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:  # a whole number of hundreds of digits
        return float("inf") if value > 0 else float("-inf")


def _of_kind(feature: ex.Feature, name: str, field: str) -> Any:
    """The feature's list of that kind; it has one kind, that of its first element."""
    kind = feature.WhichOneof("kind")
    if kind not in (None, field):
        raise InvalidRequest(
            f"Unexpected element type in feature: {name} expecting type: {_KIND_NAMES[kind]}"
        )
    return getattr(feature, field)
