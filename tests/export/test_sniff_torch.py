"""PyTorch's and ONNX's files are known by their outside alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from export.kinds import ONNX, TORCH_EXPORT, TORCH_STATE_DICT, TORCHSCRIPT
from export.sniff_torch import kind_of_file, kind_of_zip

MODEL = helper.make_model(
    helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 3])],
    ),
    producer_name="easel's tests",
    doc_string="d" * 300,
).SerializeToString()


@pytest.fixture(scope="session")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("sniff-torch") / "model"


def kind_of(scratch, content: bytes):
    scratch.write_bytes(content)
    return kind_of_file(scratch)


@pytest.mark.parametrize(
    ("members", "kind"),
    [
        (["m/archive_format", "m/models/model.json", "m/data/weights/weight_0"], TORCH_EXPORT),
        (["archive_format", "models/other.json"], TORCH_EXPORT),
        (["serialized_exported_program.json", "serialized_state_dict.pt", "version"], TORCH_EXPORT),
        (["m/data.pkl", "m/code/__torch__.py", "m/constants.pkl", "m/version"], TORCHSCRIPT),
        (["m/data.pkl", "m/data/0", "m/version"], TORCH_STATE_DICT),
        (["m/archive_format", "m/data/aotinductor/model/x.so"], None),
        (["metadata.json", "config.json", "model.weights.h5"], None),
        ([], None),
    ],
)
def test_a_zip_is_known_by_its_members(members, kind):
    assert kind_of_zip(members) == kind


def test_a_state_dict_of_an_old_pytorch_is_known_by_its_number(scratch):
    head = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
    assert kind_of(scratch, head + b"\x80\x02M\xe9\x03.") == TORCH_STATE_DICT
    assert kind_of(scratch, b"\x80\x02}q\x00.") is None


def test_onnx_is_known_by_its_fields_and_not_by_its_name(scratch):
    assert kind_of(scratch, MODEL) == ONNX


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x08\x0a",  # a version and no graph
        b"\x0a\x05\x0a\x03abc",  # a frozen TensorFlow graph begins with a node
        b"\x08\x01\x12\x00",  # a SavedModel
        b"\x1c\x00\x00\x00TFL3",
        MODEL + b"\x7a\x00",  # a field that ModelProto has not
        MODEL + b"\x3a\xff",
        b"\xff" * 40,
    ],
)
def test_anything_else_is_neither(scratch, content):
    assert kind_of(scratch, content) is None


def test_onnx_cut_short_is_no_onnx(scratch):
    graph_ends = MODEL.index(b"d" * 300)
    for at in range(graph_ends):
        assert kind_of(scratch, MODEL[:at]) is None


@given(st.sampled_from([b"", MODEL[:20], b"\x08\x0a\x3a"]), st.binary(max_size=200))
def test_random_bytes_never_raise(scratch, head, rest):
    assert kind_of(scratch, head + rest) in (None, ONNX)
