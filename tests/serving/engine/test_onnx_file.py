"""What an ONNX file says about itself."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from model_store.errors import BadVersion
from model_store.spec import Signature, TensorSpec
from serving.engine.onnx_file import NotOnnx, find_facts, read_facts
from tests.serving.engine.graphs import identity, make_model

X = TensorSpec("x", "float32", (4,))
Y = TensorSpec("y", "float32", (4,))


def outside(name: str, location: str) -> TensorProto:
    """Weights in another file."""
    tensor = numpy_helper.from_array(np.ones(4, np.float32), name)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    tensor.external_data.add(key="length", value="16")
    return tensor


def facts_of(model: onnx.ModelProto):
    return find_facts(memoryview(model.SerializeToString()))


def test_versions_are_read():
    model = make_model([], Signature((X,), (X,)), opset=17, ir_version=9)
    model.opset_import.append(helper.make_opsetid("ai.onnx.ml", 3))
    facts = facts_of(model)
    assert (facts.ir_version, facts.opsets) == (9, {"": 17, "ai.onnx.ml": 3})
    assert str(facts) == "IR version 9, operator sets onnx 17, ai.onnx.ml 3"


def test_a_tensor_without_shape_is_told_from_a_scalar():
    assert facts_of(identity("float32", None)[0]).unranked == {"x", "y"}
    assert facts_of(identity("float32", ())[0]).unranked == set()
    assert facts_of(identity("float32", (None, 3))[0]).unranked == set()


def branch(location: str) -> onnx.GraphProto:
    constant = helper.make_node("Constant", [], ["c"], value=outside("c", location))
    return helper.make_graph([constant], "branch", [], [])


def test_weights_outside_are_found_wherever_a_tensor_can_stand():
    nodes = [
        helper.make_node("Constant", [], ["a"], value=outside("a", "in_a_node")),
        helper.make_node(
            "If", ["x"], ["y"], then_branch=branch("in_a_branch"), else_branch=branch("other")
        ),
    ]
    model = make_model(nodes, Signature((X,), (Y,)), [outside("w", "in_the_graph")])
    sparse = onnx.SparseTensorProto(values=outside("v", "values"), indices=outside("i", "indices"))
    model.graph.sparse_initializer.append(sparse)
    function = model.functions.add(name="f", domain="ours")
    function.node.append(
        helper.make_node("Constant", [], ["b"], value=outside("b", "in_a_function"))
    )
    assert facts_of(model).external == {
        "in_a_node", "in_a_branch", "other", "in_the_graph", "values", "indices", "in_a_function",
    }  # fmt: skip


def field(number: int, data: bytes) -> bytes:
    """A length-delimited field, shorter than 16384 bytes."""
    low, high = len(data) & 0x7F | 0x80, len(data) >> 7
    return bytes([number << 3 | 2, low, high]) + data


def test_graphs_nested_without_end_are_refused():
    graph = b""
    for _ in range(40):  # a graph in an attribute of a node of a graph
        graph = field(1, field(5, field(6, graph)))
    with pytest.raises(NotOnnx, match="too deeply"):
        find_facts(memoryview(field(7, graph)))


@pytest.mark.parametrize("data", [b"", b"not a graph", b"\xff" * 30])
def test_a_file_that_is_none_is_refused(tmp_path, data):
    path = tmp_path / "model.onnx"
    path.write_bytes(data)
    with pytest.raises(BadVersion, match=r"model\.onnx is not an ONNX file"):
        read_facts(path)
    with pytest.raises(BadVersion, match=r"absent\.onnx is not an ONNX file"):
        read_facts(tmp_path / "absent.onnx")


WHOLE = make_model([], Signature((X,), (Y,)), [outside("w", "weights")]).SerializeToString()


@given(
    st.binary() | st.builds(lambda at, more: WHOLE[:at] + more, st.integers(0, 200), st.binary())
)
def test_any_bytes_are_facts_or_refused(data):
    try:
        find_facts(memoryview(data))
    except ValueError as error:
        assert str(error)
