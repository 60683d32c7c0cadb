"""Which TensorFlow file this is, told by its first bytes and its fields: nothing is parsed whole."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from export.kinds import GRAPH_DEF, TFLITE
from model_store.errors import ExportRefused

_TFLITE_MARK = b"TFL3"  # a FlatBuffer's file identifier, after the root's offset
# Fields of tensorflow.GraphDef and its NodeDef, as protobuf tags.
_NODE, _LIBRARY, _VERSION, _VERSIONS, _DEBUG = 0x0A, 0x12, 0x18, 0x22, 0x2A
_NODE_NAME, _NODE_OP = 0x0A, 0x12
# SavedModel: schema version 1, then meta graphs.
_SAVED_MODEL = b"\x08\x01\x12"
_MOST_FIELDS = 1_000_000


def kind_of_file(path: Path) -> str | None:
    """The kind of a file that is neither zip nor HDF5; None if it is none of TensorFlow's.

    Raises:
        ExportRefused: It is a part of a SavedModel.
        OSError: It cannot be read.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(8)
        if head[4:8] == _TFLITE_MARK:
            return TFLITE
        if head.startswith(_SAVED_MODEL) and path.name == "saved_model.pb":
            raise ExportRefused(
                f"{path} is one file of a SavedModel; give its folder {path.parent}"
            )
        file.seek(0)
        return GRAPH_DEF if _is_graph(file, size) else None


def _is_graph(file: BinaryIO, size: int) -> bool:
    """Whether a file is fields of GraphDef and nothing else, named nodes first among them."""
    nodes = 0
    for _ in range(_MOST_FIELDS):
        tag = _varint(file)
        if tag is None:
            return nodes > 0 and file.tell() == size
        value = _varint(file)
        if value is None or tag not in (_NODE, _LIBRARY, _VERSION, _VERSIONS, _DEBUG):
            return False
        if tag == _VERSION:
            continue
        start = file.tell()
        if start + value > size or (tag == _NODE and not _is_node(file)):
            return False
        nodes += tag == _NODE
        file.seek(start + value)
    return False


def _is_node(file: BinaryIO) -> bool:
    """Whether a message begins with a name and an operation, as TensorFlow writes nodes."""
    for tag in (_NODE_NAME, _NODE_OP):
        length = _varint(file) == tag and _varint(file)
        if not length:
            return False
        file.seek(length, 1)
    return True


def _varint(file: BinaryIO) -> int | None:
    """The next number of protobuf's; None at the end or if there is none."""
    number = 0
    for shift in range(0, 70, 7):
        byte = file.read(1)
        if not byte:
            return None
        number |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return number
    return None
