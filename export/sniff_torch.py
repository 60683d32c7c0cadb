"""Which PyTorch or ONNX file this is, told by its outside: no pickle is read, no class made.

``export.sniff`` asks here; the functions take what it has read already.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import BinaryIO

from export.kinds import ONNX, TORCH_EXPORT, TORCH_STATE_DICT, TORCHSCRIPT

# How torch.save began before it wrote zip files: a number of its own, pickled.
_OLD_TORCH_SAVE = b"\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
_IR_VERSION, _GRAPH, _OPSETS = 1, 7, 8
# Fields of onnx.ModelProto by wire type: numbers, and lengths with bytes.
_NUMBERS = {_IR_VERSION, 5}
_BYTES = {2, 3, 4, 6, _GRAPH, _OPSETS, 14, 20, 25, 26}
_MOST_FIELDS = 100_000


def kind_of_zip(members: Collection[str]) -> str | None:
    """The kind of a zip file with these members; None if it is none of PyTorch's.

    A whole pickled module has the members of a state dict: which it is, its loader finds
    out with PyTorch's reader that makes tensors only.
    """
    # PyTorch puts everything into one folder, named after the file.
    inner = {member.partition("/")[2] for member in members} | set(members)
    if "archive_format" in inner and any(
        name.startswith("models/") and name.endswith(".json") for name in inner
    ):
        return TORCH_EXPORT
    if "serialized_exported_program.json" in inner:
        return TORCH_EXPORT
    if "constants.pkl" in inner and any(name.startswith("code/") for name in inner):
        return TORCHSCRIPT
    if "data.pkl" in inner:
        return TORCH_STATE_DICT
    return None


def kind_of_file(path: Path) -> str | None:
    """The kind of a file that is no zip; None if it is neither PyTorch's nor ONNX.

    Raises:
        OSError: It cannot be read.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(16)
        if head[:1] == b"\x80" and head[2 : 2 + len(_OLD_TORCH_SAVE)] == _OLD_TORCH_SAVE:
            return TORCH_STATE_DICT
        file.seek(0)
        return ONNX if _is_onnx(file, size) else None


def _is_onnx(file: BinaryIO, size: int) -> bool:
    """Whether a file is fields of onnx.ModelProto and nothing else, with a graph among them."""
    seen: set[int] = set()
    at = 0
    for _ in range(_MOST_FIELDS):
        if at >= size:
            break
        tag, at = _varint(file, at)
        field, wire = tag >> 3, tag & 7
        value, at = _varint(file, at)
        if not ((wire == 0 and field in _NUMBERS) or (wire == 2 and field in _BYTES)):
            return False
        if wire == 2:
            at += value
            file.seek(min(at, size))
        seen.add(field)
    return at == size and {_IR_VERSION, _GRAPH} <= seen


def _varint(file: BinaryIO, at: int) -> tuple[int, int]:
    """A number of protobuf's at *at*, and where it ends; field 0, which nothing has, for none."""
    number = 0
    for shift in range(0, 70, 7):
        byte = file.read(1)
        if not byte:
            return 0, at + 1
        at += 1
        number |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return number, at
    return 0, at
