"""What the HTTP APIs' bodies look like, as JSON Schemas for the OpenAPI document.

Kept by hand beside the codecs, and held against the running server by a test.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]

_TEXT: Schema = {"type": "string"}
_TRUTH: Schema = {"type": "boolean"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_VERSION: Schema = {"type": "string", "pattern": "^[0-9]+$"}
_SIZES: Schema = {"type": "array", "items": {"type": "integer", "minimum": -1}}
_MAP: Schema = {"type": "object"}


def ref(name: str) -> Schema:
    """Where the schema called *name* stands in the document."""
    return {"$ref": f"#/components/schemas/{name}"}


def _object(required: Mapping[str, Schema], **optional: Schema) -> Schema:
    properties = {**required, **optional}
    return {"type": "object", "properties": properties, "required": list(required)}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


_TENSOR_JSON: Schema = {
    "description": 'A number, a truth, a text, {"b64": bytes}, or lists of them of equal lengths.',
    "anyOf": [
        {"type": ["number", "boolean", "string"]},
        _object({"b64": {"type": "string", "contentEncoding": "base64"}}),
        _list(ref("TensorJson")),
    ],
}
_TENSORS_JSON: Schema = {
    "description": "A tensor, or tensors by their names.",
    "anyOf": [
        ref("TensorJson"),
        {"type": "object", "additionalProperties": ref("TensorJson")},
    ],
}
_DATATYPE: Schema = {
    "enum": [
        "BOOL", "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64",
        "FP16", "BF16", "FP32", "FP64", "BYTES",
    ]
}  # fmt: skip
_DURATION: Schema = _object({"count": _COUNT, "ns": _COUNT})

_TF_SERVING: Mapping[str, Schema] = {
    "TensorJson": _TENSOR_JSON,
    "PredictRequest": {
        "description": "By row in `instances`, or by column in `inputs`: one of the two.",
        "anyOf": [
            _object({"instances": _list(_TENSORS_JSON)}, signature_name=_TEXT),
            _object({"inputs": _TENSORS_JSON}, signature_name=_TEXT),
        ],
    },
    "PredictResponse": {
        "anyOf": [
            _object({"predictions": _list(_TENSORS_JSON)}),
            _object({"outputs": _TENSORS_JSON}),
        ]
    },
    "ExamplesRequest": {
        "description": "tf.Examples as objects; what they share stands in `context`.",
        **_object({"examples": _list(_MAP)}, context=_MAP, signature_name=_TEXT),
    },
    "ClassifyResponse": _object(
        {"results": _list(_list({"type": "array", "prefixItems": [_TEXT, {"type": "number"}]}))}
    ),
    "RegressResponse": _object({"results": _list({"type": "number"})}),
    "ModelStatus": _object(
        {
            "model_version_status": _list(
                _object(
                    {
                        "version": _VERSION,
                        "state": {"enum": ["START", "LOADING", "AVAILABLE", "UNLOADING", "END"]},
                        "status": _object({"error_code": _TEXT, "error_message": _TEXT}),
                    }
                )
            )
        }
    ),
    "ModelSignatures": _object(
        {
            "model_spec": _object({"name": _TEXT, "version": _VERSION, "signature_name": _TEXT}),
            "metadata": _object({"signature_def": _object({"signature_def": _MAP})}),
        }
    ),
}

_TENSOR_METADATA: Schema = _object({"name": _TEXT, "datatype": _DATATYPE, "shape": _SIZES})
_OPEN_INFERENCE: Mapping[str, Schema] = {
    "Live": _object({"live": _TRUTH}),
    "Ready": _object({"ready": _TRUTH}),
    "ModelReady": _object({"name": _TEXT, "ready": _TRUTH}),
    "ServerMetadata": _object({"name": _TEXT, "version": _TEXT, "extensions": _list(_TEXT)}),
    "ModelMetadata": _object(
        {
            "name": _TEXT,
            "versions": _list(_VERSION),
            "platform": _TEXT,
            "inputs": _list(_TENSOR_METADATA),
            "outputs": _list(_TENSOR_METADATA),
        }
    ),
    "ModelConfig": _object({"name": _TEXT, "platform": _TEXT, "input": _list(_MAP)}),
    "InferRequest": _object(
        {"inputs": _list(ref("RequestInput"))},
        id=_TEXT,
        parameters=_MAP,
        outputs=_list(_object({"name": _TEXT}, parameters=_MAP)),
    ),
    "RequestInput": {
        "description": "`data` is flat or nested; binary tensors have `binary_data_size` instead, those in "
        "shared memory `shared_memory_region`, `shared_memory_byte_size` and perhaps "
        "`shared_memory_offset`.",
        **_object(
            {"name": _TEXT, "datatype": _DATATYPE, "shape": _list(_COUNT)},
            parameters=_MAP,
            data=_list(ref("TensorJson")),
        ),
    },
    "InferResponse": _object(
        {
            "model_name": _TEXT,
            "model_version": _VERSION,
            "outputs": _list(
                _object(
                    {"name": _TEXT, "datatype": _DATATYPE, "shape": _list(_COUNT)},
                    parameters=_MAP,
                    data=_list(ref("TensorJson")),
                )
            ),
        },
        id=_TEXT,
        parameters=_MAP,
    ),
    "Statistics": _object(
        {
            "model_stats": _list(
                _object(
                    {
                        "name": _TEXT,
                        "version": _VERSION,
                        "inference_count": _COUNT,
                        "execution_count": _COUNT,
                        "inference_stats": {"type": "object", "additionalProperties": _DURATION},
                        "batch_stats": _list(_MAP),
                    }
                )
            )
        }
    ),
    "IndexRequest": _object({}, ready=_TRUTH),
    "Index": _list(
        _object({"name": _TEXT}, version=_VERSION, state=_TEXT, reason=_TEXT),
    ),
    "ControlRequest": _object({}, parameters=_MAP),
    "Empty": _object({}),
    "Done": _object({}),
    "RegisterRequest": _object({"key": _TEXT, "byte_size": _COUNT}, offset=_COUNT),
    "Regions": _list(_object({"name": _TEXT, "key": _TEXT, "offset": _COUNT, "byte_size": _COUNT})),
}

SCHEMAS: Mapping[str, Schema] = {
    "Error": _object({"error": _TEXT}),
    **_TF_SERVING,
    **_OPEN_INFERENCE,
}
