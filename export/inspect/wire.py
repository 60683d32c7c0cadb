"""Protocol buffers' wire format, read field by field without a schema.

SavedModels, frozen graphs and ONNX files are messages of up to gigabytes.  Weights are
passed over without a copy; only what is asked for is looked at.  Everything raises
ValueError on bytes that are no message.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path

View = memoryview
_VARINT, _EIGHT_BYTES, _BYTES, _FOUR_BYTES = 0, 1, 2, 5
_FIXED = {_EIGHT_BYTES: 8, _FOUR_BYTES: 4}
_MAX_VARINT_BYTES = 10


def view_file(path: Path) -> View:
    """A file's bytes, read by the system when they are looked at."""
    with path.open("rb") as file:
        if not file.seek(0, 2):
            raise ValueError("the file is empty")
        return View(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def fields(message: View) -> Iterator[tuple[int, int | View]]:
    """Each field's number with its value: a number, or the bytes of strings and messages."""
    position, end = 0, len(message)
    while position < end:
        key, position = _varint(message, position)
        kind = key & 7
        if kind == _VARINT:
            value, position = _varint(message, position)
            yield key >> 3, value
            continue
        if kind == _BYTES:
            length, position = _varint(message, position)
        elif kind in _FIXED:
            length = _FIXED[kind]
        else:
            raise ValueError(f"no wire type has the number {kind}")
        if length > end - position:
            raise ValueError("a field is longer than the message it is in")
        yield key >> 3, message[position : position + length]
        position += length


def _varint(message: View, position: int) -> tuple[int, int]:
    value = shift = 0
    for index in range(position, min(position + _MAX_VARINT_BYTES, len(message))):
        byte = message[index]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, index + 1
        shift += 7
    raise ValueError("a number has no end")


def parts(message: View, number: int) -> Iterator[View]:
    """The strings or messages under one field number."""
    for field, value in fields(message):
        if field == number and isinstance(value, View):
            yield value


def part(message: View, number: int) -> View:
    """The last of them, which is the one that counts; empty if there is none."""
    last = View(b"")
    for value in parts(message, number):
        last = value
    return last


def texts(message: View, number: int) -> Iterator[str]:
    """The strings under one field number; bytes that are no UTF-8 are escaped."""
    for value in parts(message, number):
        yield bytes(value).decode("utf-8", "backslashreplace")


def text(message: View, number: int) -> str:
    """The last of them; empty if there is none."""
    return bytes(part(message, number)).decode("utf-8", "backslashreplace")


def numbers(message: View, number: int) -> Iterator[int]:
    """The integers under one field number, packed or not."""
    for field, value in fields(message):
        if field != number:
            continue
        if isinstance(value, int):
            yield value
            continue
        position = 0
        while position < len(value):
            single, position = _varint(value, position)
            yield single
