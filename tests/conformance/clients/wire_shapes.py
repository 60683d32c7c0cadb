"""Runs in a client's environment: prints that client's own message definitions as JSON.

    python wire_shapes.py tfs|triton

For each message: field name -> [number, type, label, type name].
"""

from __future__ import annotations

import json
import sys
from importlib import import_module

MODULES = {
    "tfs": [
        *(
            f"tensorflow_serving.apis.{name}_pb2"
            for name in (
                "classification", "get_model_metadata", "get_model_status", "inference", "input",
                "model", "model_management", "predict", "regression",
            )
        ),
        "tensorflow_serving.config.logging_config_pb2",
        "tensorflow_serving.config.model_server_config_pb2",
        "tensorflow.core.example.example_pb2",
        "tensorflow.core.framework.tensor_pb2",
        "tensorflow.core.protobuf.meta_graph_pb2",
        "grpc_health.v1.health_pb2",
        "grpc_reflection.v1alpha.reflection_pb2",
    ],
    "triton": ["tritonclient.grpc.model_config_pb2", "tritonclient.grpc.service_pb2"],
}  # fmt: skip


def main(client: str) -> None:
    shapes: dict[str, object] = {}
    for name in MODULES[client]:
        file = import_module(name).DESCRIPTOR
        for each in (file, *file.dependencies):
            for message in each.message_types_by_name.values():
                add(shapes, message)
    print(json.dumps(shapes))


def add(shapes: dict[str, object], message) -> None:
    shapes[message.full_name] = {
        field.name: [
            field.number,
            field.type,
            field.is_repeated,
            (field.message_type or field.enum_type).full_name
            if field.message_type or field.enum_type
            else "",
        ]
        for field in message.fields
    }
    for nested in message.nested_types:
        add(shapes, nested)


main(*sys.argv[1:])
