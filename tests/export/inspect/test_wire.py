from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from export.inspect.wire import fields, numbers, part, parts, text, texts, view_file

words = st.text(max_size=20)


@given(st.lists(words, max_size=5), st.integers(0, 2**63 - 1), words)
def test_messages_read_as_protobuf_wrote_them(inputs, version, domain):
    node = onnx.NodeProto(input=inputs, op_type="Add")
    model = onnx.ModelProto(ir_version=version, domain=domain, graph=onnx.GraphProto(node=[node]))
    message = memoryview(model.SerializeToString())
    assert list(numbers(message, 1)) == [version]
    assert text(message, 4) == domain
    assert list(texts(part(part(message, 7), 1), 1)) == inputs
    assert text(part(part(message, 7), 1), 4) == "Add"


@given(st.lists(st.integers(0, 2**63 - 1), max_size=9))
def test_packed_numbers_read_like_single_ones(values):
    tensor = onnx.TensorProto(int64_data=values, dims=values)
    message = memoryview(tensor.SerializeToString())
    assert list(numbers(message, 7)) == list(numbers(message, 1)) == values


def test_of_two_single_fields_the_last_counts_and_both_are_seen():
    message = memoryview(b"\x0a\x01a\x0a\x01b")
    assert text(message, 1) == "b"
    assert [bytes(each) for each in parts(message, 1)] == [b"a", b"b"]


def test_fixed_numbers_are_passed_over():
    message = memoryview(b"\x0d1234\x1112345678\x18\x05")
    assert [number for number, _ in fields(message)] == [1, 2, 3]
    assert list(numbers(message, 3)) == [5]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\x0a\x05abc", "longer than the message"),
        (b"\x08" + b"\xff" * 11, "no end"),
        (b"\x08", "no end"),
        (b"\x0b", "no wire type has the number 3"),
        (b"\x09123", "longer than the message"),
    ],
)
def test_what_is_no_message_is_a_value_error(content, says):
    with pytest.raises(ValueError, match=says):
        list(fields(memoryview(content)))


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(content):
    try:
        assert all(number >= 0 for number, _ in fields(memoryview(content)))
    except ValueError as error:
        assert str(error)


def test_an_empty_file_is_refused(tmp_path: Path):
    (tmp_path / "empty").touch()
    with pytest.raises(ValueError, match="empty"):
        view_file(tmp_path / "empty")
