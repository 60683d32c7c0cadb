from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from export.inspect.inspection import inspect
from export.inspect.tflite import inspect_tflite
from export.kinds import TFLITE


def model(custom: str = "", *, buffer: tuple[int, int] = (0, 0)) -> bytes:
    """A flatbuffer with one operator code, one subgraph and one buffer."""
    import flatbuffers

    builder = flatbuffers.Builder(256)
    name = builder.CreateString(custom) if custom else 0
    builder.StartObject(4)
    if custom:
        builder.PrependUOffsetTRelativeSlot(1, name, 0)
    operator = builder.EndObject()
    builder.StartObject(1)
    graph = builder.EndObject()
    builder.StartObject(3)
    builder.PrependUint64Slot(1, buffer[0], 0)
    builder.PrependUint64Slot(2, buffer[1], 0)
    data = builder.EndObject()
    vectors = []
    for table in (operator, graph, data):
        builder.StartVector(4, 1, 4)
        builder.PrependUOffsetTRelative(table)
        vectors.append(builder.EndVector())
    builder.StartObject(5)
    for slot, vector in zip((1, 2, 4), vectors, strict=True):
        builder.PrependUOffsetTRelativeSlot(slot, vector, 0)
    builder.Finish(builder.EndObject(), b"TFL3")
    return bytes(builder.Output())


def found(path: Path, content: bytes):
    path.write_bytes(content)
    return list(inspect_tflite(path))


def test_builtin_operators_are_not_suspected(tmp_path: Path):
    assert found(tmp_path / "m", model()) == []


def test_a_custom_operator_is_named_and_let_pass(tmp_path: Path):
    (each,) = found(tmp_path / "m", model("TFLite_Detection_PostProcess"))
    assert not each.is_refused
    assert str(each) == "operator TFLite_Detection_PostProcess: is a custom operator"


def test_tensorflows_own_operators_are_judged_as_in_its_graphs(tmp_path: Path):
    (each,) = found(tmp_path / "m", model("FlexErf"))
    assert not each.is_refused
    (each,) = found(tmp_path / "m", model("FlexReadFile"))
    assert each.is_refused
    assert each.where == "operator FlexReadFile"


def test_a_buffer_beyond_the_file_is_damage(tmp_path: Path):
    (each,) = found(tmp_path / "m", model(buffer=(8, 1 << 40)))
    assert each.what == "damaged"


def test_a_list_longer_than_the_file_is_a_value_error(tmp_path: Path):
    content = bytearray(model())
    for place in range(8, len(content) - 4, 4):
        if content[place : place + 4] == struct.pack("<I", 1):
            content[place : place + 4] = struct.pack("<I", 1 << 30)
    with pytest.raises(ValueError, match="longer than the file|points out"):
        found(tmp_path / "m", bytes(content))


@given(st.binary(max_size=120))
def test_any_bytes_are_judged(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("any") / "m"
    path.write_bytes(b"\x10\0\0\0TFL3" + content)
    assert all(each.message for each in inspect(path, TFLITE))
