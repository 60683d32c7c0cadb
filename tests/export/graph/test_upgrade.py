"""Files that others made: brought up to date, and nothing private left in them."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from export.graph.upgrade import declare_shapes, opset_of, restore_inputs, tidy, upgrade
from model_store.errors import ExportRefused
from model_store.spec import Signature, TensorSpec
from tests.export.graph.graphs import model, node, run, tensor

ROWS = np.float32([[1, -2], [3, -4]])
X_IN, Y_OUT = tensor("x", ["batch", 2]), tensor("y", ["batch", 2])


def squeeze(opset):
    """Squeeze had its axes as an attribute before opset 13."""
    nodes = [node("Unsqueeze", "x", "u", axes=[1]), node("Squeeze", "u", "y", axes=[1])]
    return model(nodes, [X_IN], [Y_OUT], opset=opset)


def test_an_old_graph_is_upgraded_and_computes_the_same():
    found = upgrade(squeeze(11))
    assert opset_of(found.model) == 13
    assert found.notes == ("upgraded from opset 11 to 13",)
    assert np.array_equal(run(found.model, x=ROWS)["y"], ROWS)


def test_a_recent_graph_stays_in_its_opset():
    found = upgrade(model([node("Relu", "x", "y")], [X_IN], [Y_OUT], opset=17))
    assert (opset_of(found.model), found.notes) == (17, ())


def unconvertible(opset):
    # Upsample with these attributes has no successor that the converter knows.
    nodes = [helper.make_node("Erfc", ["x"], ["y"], "strange")]
    return model(nodes, [X_IN], [Y_OUT], opset=opset)


def test_what_cannot_be_upgraded_is_kept_if_it_is_computed_and_refused_if_not():
    found = upgrade(unconvertible(9))
    assert opset_of(found.model) == 9
    assert "kept in opset 9" in found.notes[0]
    with pytest.raises(ExportRefused, match="opset 6, which no runtime computes any more"):
        upgrade(unconvertible(6))


def test_constants_are_no_inputs_and_unread_ones_are_gone():
    held = {"one": np.float32(1), "unread": np.zeros(1000, np.float32)}
    graph = model([node("Add", "x one", "y")], [X_IN, tensor("one", [])], [Y_OUT], held)
    graph.ir_version = 3
    tidied = tidy(graph)
    assert [value.name for value in tidied.graph.input] == ["x"]
    assert [held.name for held in tidied.graph.initializer] == ["one"]
    assert tidied.ir_version >= 4
    assert np.array_equal(run(tidied, x=ROWS)["y"], ROWS + 1)
    assert len(graph.graph.input) == 2


def test_a_constant_that_a_branch_gives_back_is_kept():
    branch = helper.make_graph([], "branch", [], [tensor("one", [1])])
    choose = node("If", "flag", "y", then_branch=branch, else_branch=branch)
    held = {"flag": True, "one": np.float32([1])}
    tidied = tidy(model([choose], [X_IN], [tensor("y", [1])], held))
    assert {held.name for held in tidied.graph.initializer} == {"flag", "one"}


def test_places_on_the_authors_disk_do_not_travel():
    graph = model([node("Relu", "x", "y")], [X_IN], [Y_OUT])
    graph.graph.node[0].doc_string = "File /home/author/secret.py, line 3"
    entry = graph.graph.node[0].metadata_props.add()
    entry.key, entry.value = "stack_trace", "/home/author/secret.py"
    graph.doc_string = graph.graph.doc_string = "/home/author"
    assert b"author" not in tidy(graph).SerializeToString()


def test_the_ir_version_is_no_newer_than_the_content_needs():
    graph = model([node("Relu", "x", "y")], [X_IN], [Y_OUT], opset=18)
    graph.ir_version = 14
    assert tidy(graph).ir_version == 10
    graph.ir_version = 8
    assert tidy(graph).ir_version == 8
    newest = model([node("Relu", "x", "y")], [X_IN], [Y_OUT], opset=onnx.defs.onnx_opset_version())
    newest.ir_version = onnx.IR_VERSION
    assert tidy(newest).ir_version > 10


def test_notes_of_values_without_a_shape_are_left_out():
    graph = model([node("Relu", "x", "r"), node("Relu", "r", "y")], [X_IN], [Y_OUT])
    graph.graph.value_info.append(tensor("r", None))
    assert not tidy(graph).graph.value_info


def test_a_dropped_input_is_put_back_and_an_output_gets_its_shape():
    graph = model([node("Relu", "x", "y")], [X_IN], [tensor("y", None)])
    specs = [TensorSpec(name, "float32", (None, 2)) for name in ("x", "y")]
    signature = Signature((specs[0], TensorSpec("words", "bytes", (None,))), (specs[1],))
    mended = declare_shapes(restore_inputs(graph, signature), signature)
    assert mended.graph.input[1] == tensor("words", ["batch"], TensorProto.STRING)
    assert mended.graph.output[0] == Y_OUT
    assert np.array_equal(
        run(mended, x=ROWS, words=np.array(["a", "b"], object))["y"], np.maximum(ROWS, 0)
    )


def test_axes_without_a_bound_stay_without_one():
    signature = Signature((), (TensorSpec("y", "float32", (3, None)),))
    graph = declare_shapes(model([node("Relu", "x", "y")], [X_IN], [tensor("y", None)]), signature)
    assert graph.graph.output[0] == tensor("y", [3, None])
