"""The private descriptor pool, and the message classes of one file in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.internal import enum_type_wrapper

_FOLDER = "serving/api/protos/"


def _load() -> descriptor_pool.DescriptorPool:
    pool = descriptor_pool.DescriptorPool()
    files = descriptor_pb2.FileDescriptorSet.FromString(
        Path(__file__).with_name("descriptors.binpb").read_bytes()
    )
    for file in files.file:
        pool.Add(file)
    return pool


POOL = _load()


def names(file: str) -> dict[str, Any]:
    """What a generated module would define for *file*: messages, enums and their values."""
    descriptor = POOL.FindFileByName(_FOLDER + file)
    found: dict[str, Any] = {
        name: message_factory.GetMessageClass(message)
        for name, message in descriptor.message_types_by_name.items()
    }
    for enum in descriptor.enum_types_by_name.values():
        found[enum.name] = enum_type_wrapper.EnumTypeWrapper(enum)
        found |= {value.name: value.number for value in enum.values}
    return found
