"""TensorFlow Lite: a flatbuffer, of which the operators' names are read.

Built-in operators compute.  A custom operator needs a library that somebody registers, but
those that begin with ``Flex`` are TensorFlow's own, and some of them open files.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from export.inspect import tensorflow_ops
from export.inspect.finding import Finding, damaged, runs_code
from export.inspect.wire import View, view_file

_IDENTIFIER = b"TFL3"
# Fields by their place in schema.fbs.
_OPERATOR_CODES, _SUBGRAPHS, _BUFFERS = 1, 2, 4
_CUSTOM_NAME, _BUFFER_OFFSET, _BUFFER_SIZE = 1, 1, 2
_FLEX = "Flex"
# Written into a file's end by converters of what is over 2 GB.
_MAX_TABLES = 10_000_000


def inspect_tflite(path: Path) -> Iterator[Finding]:
    """A TFLite file: every custom operator is named, those that reach outside are refused.

    Raises:
        ValueError: It is no TFLite file, or points out of itself.
    """
    data = view_file(path)
    if len(data) < 8 or bytes(data[4:8]) != _IDENTIFIER:
        raise ValueError("it has no TFL3 mark")
    model = _indirect(data, 0)
    for code in _tables(data, model, _OPERATOR_CODES):
        name = _string(data, code, _CUSTOM_NAME)
        if name:
            yield _judge(name)
    if not list(_tables(data, model, _SUBGRAPHS)):
        yield damaged(path.name, "it has no graph")
    for number, buffer in enumerate(_tables(data, model, _BUFFERS)):
        offset = _number(data, buffer, _BUFFER_OFFSET)
        size = _number(data, buffer, _BUFFER_SIZE)
        if offset + size > len(data):
            yield damaged(f"buffer {number}", "is beyond the end of the file")


def _judge(name: str) -> Finding:
    operation = name.removeprefix(_FLEX)
    harm = tensorflow_ops.harm_of(operation) if name.startswith(_FLEX) else ""
    if harm:
        return runs_code(f"operator {name}", harm, "convert the model without it")
    kind = "an operator of TensorFlow itself" if name.startswith(_FLEX) else "a custom operator"
    return Finding("runs code", f"operator {name}", f"is {kind}", is_refused=False)


def _unpack(data: View, form: str, position: int) -> int:
    size = struct.calcsize(form)
    if not 0 <= position <= len(data) - size:
        raise ValueError("it points out of itself")
    value = struct.unpack_from(form, data, position)[0]
    assert isinstance(value, int)
    return value


def _indirect(data: View, position: int) -> int:
    return position + _unpack(data, "<I", position)


def _field(data: View, table: int, field: int) -> int:
    """Where a field of a table is; 0 if it has its default."""
    vtable = table - _unpack(data, "<i", table)
    entry = 4 + 2 * field
    if entry + 2 > _unpack(data, "<H", vtable):
        return 0
    offset = _unpack(data, "<H", vtable + entry)
    return table + offset if offset else 0


def _tables(data: View, table: int, field: int) -> Iterator[int]:
    position = _field(data, table, field)
    if not position:
        return
    vector = _indirect(data, position)
    count = _unpack(data, "<I", vector)
    if count > min(_MAX_TABLES, len(data) // 4):
        raise ValueError("a list is longer than the file")
    for index in range(count):
        yield _indirect(data, vector + 4 + 4 * index)


def _string(data: View, table: int, field: int) -> str:
    position = _field(data, table, field)
    if not position:
        return ""
    start = _indirect(data, position)
    length = _unpack(data, "<I", start)
    if length > len(data) - start - 4:
        raise ValueError("a name is longer than the file")
    return bytes(data[start + 4 : start + 4 + length]).decode("utf-8", "backslashreplace")


def _number(data: View, table: int, field: int) -> int:
    position = _field(data, table, field)
    return _unpack(data, "<Q", position) if position else 0
