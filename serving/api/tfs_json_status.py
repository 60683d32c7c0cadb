"""TF Serving's status and metadata answers as JSON: protobuf's own mapping, every default printed."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from model_store.spec import ModelVersion, Signature
from serving.api.protos import tensorflow_serving_pb2 as pb
from serving.api.tfs import model_spec, signature_def_map


def encode_statuses(response: pb.GetModelStatusResponse) -> bytes:
    """``{"model_version_status": [...]}``."""
    return orjson.dumps(_as_json(response))


def encode_metadata(model: ModelVersion, signatures: Mapping[str, Signature]) -> bytes:
    """``{"model_spec": ..., "metadata": {"signature_def": ...}}``."""
    return orjson.dumps(
        {
            "model_spec": _as_json(model_spec(model)),
            "metadata": {"signature_def": _as_json(signature_def_map(signatures))},
        }
    )


def _as_json(message: Message) -> dict[str, object]:
    found: dict[str, object] = MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    return found
