"""Graphs that the checker passes and that are wrong all the same, found as they lie there."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from export.graph.problems import refuse
from export.graph.structure import find_problems, signature_of
from model_store.errors import ExportRefused
from model_store.spec import Signature, TensorSpec
from tests.export.graph.graphs import model, node, tensor

X, Y = TensorSpec("x", "float32", (None, 2)), TensorSpec("y", "float32", (None, 2))
SIGNATURE = Signature((X,), (Y,))
X_IN, Y_OUT = tensor("x", ["batch", 2]), tensor("y", ["batch", 2])


def only(graph, signature=SIGNATURE):
    (problem,) = find_problems(graph, signature)
    return problem


def test_a_sound_graph_has_no_problems():
    assert find_problems(model([node("Relu", "x", "y")], [X_IN], [Y_OUT]), SIGNATURE) == ()


@pytest.mark.parametrize("domain", ["", "ai.onnx.converters.tensorflow"])
def test_an_operation_left_from_tensorflow_is_named_with_its_node_and_the_way_out(domain):
    erfc = helper.make_node("Erfc", ["x"], ["y"], "dense/Gelu/Erfc", domain=domain)
    problem = only(model([erfc], [X_IN], [Y_OUT]))
    assert (problem.node, problem.operation) == ("dense/Gelu/Erfc", "Erfc")
    with pytest.raises(ExportRefused, match=r"Erfc.*node dense/Gelu/Erfc(?s:.*)--to saved_model"):
        refuse([problem])
    with pytest.raises(ExportRefused) as refused:
        refuse([problem], has_saved_model=False)
    assert "saved_model" not in str(refused.value)


def test_an_unknown_operation_in_a_branch_or_a_local_function_is_found():
    branch = helper.make_graph(
        [helper.make_node("Erfc", ["x"], ["b"], "deep")], "branch", [], [tensor("b", None)]
    )
    choose = node("If", "flag", "y", then_branch=branch, else_branch=branch)
    graph = model([choose], [X_IN], [Y_OUT], {"flag": True})
    assert {problem.node for problem in find_problems(graph, SIGNATURE)} == {"deep"}
    local = helper.make_function(
        "mine", "Twice", ["a"], ["b"],
        [helper.make_node("Erfc", ["a"], ["b"], "inside")], [helper.make_opsetid("", 18)],
    )  # fmt: skip
    call = helper.make_node("Twice", ["x"], ["y"], "call", domain="mine")
    graph = model([call], [X_IN], [Y_OUT])
    graph.functions.append(local)
    graph.opset_import.append(helper.make_opsetid("mine", 1))
    assert only(graph).node == "inside"


def test_onnx_runtimes_own_operations_are_not_unknown():
    gelu = helper.make_node("Gelu", ["x"], ["y"], "gelu", domain="com.microsoft")
    graph = model([gelu], [X_IN], [Y_OUT])
    graph.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    assert find_problems(graph, SIGNATURE) == ()


def test_a_constant_that_became_a_required_input_is_named_with_the_node_that_reads_it():
    graph = model(
        [node("Sub", "x normalization/Sub/y:0", "y")],
        [X_IN, tensor("normalization/Sub/y:0", [1, 2])],
        [Y_OUT],
    )
    problem = only(graph)
    assert problem.node == "the_y"
    assert "normalization/Sub/y:0, which Sub (node the_y) reads" in problem.text
    assert "SavedModel" in problem.remedy


def test_a_constant_that_is_listed_among_the_inputs_is_none():
    graph = model(
        [node("Sub", "x mean", "y")], [X_IN, tensor("mean", [2])], [Y_OUT],
        {"mean": np.zeros(2, np.float32)},
    )  # fmt: skip
    assert find_problems(graph, SIGNATURE) == ()


def test_a_dropped_input_and_a_missing_output_are_told():
    signature = Signature((X, TensorSpec("mask", "bool", (None,))), (Y,))
    assert (
        "dropped the input mask"
        in only(model([node("Relu", "x", "y")], [X_IN], [Y_OUT]), signature).text
    )
    graph = model([node("Relu", "x", "Identity")], [X_IN], [tensor("Identity", ["batch", 2])])
    assert only(graph).text == "the graph's outputs are Identity, the signature promises y"


@pytest.mark.parametrize(
    ("declared", "says"),
    [
        (tensor("y", [1, 2]), r"batch axis is baked into the output y: \[1, 2\]"),
        (tensor("y", ["batch", 3]), r"declared as \['N', 3\], the signature says y: float32\[N, 2\]"),
        (tensor("y", ["batch"]), r"declared as \['N'\]"),
        (tensor("y", ["batch", 2], TensorProto.INT64), "int64 in the graph, float32"),
        (tensor("y", None), "no shape in the graph"),
        (tensor("y", None, TensorProto.UNDEFINED), "undefined in the graph"),
    ],
)  # fmt: skip
def test_an_output_that_is_declared_otherwise_than_promised_is_told(declared, says):
    found = find_problems(model([node("Relu", "x", "y")], [X_IN], [declared]), SIGNATURE)
    with pytest.raises(ExportRefused, match=says):
        refuse(found)


def test_a_baked_batch_axis_of_an_input_says_how_it_comes_about():
    problem = only(model([node("Relu", "x", "y")], [tensor("x", [1, 2])], [Y_OUT]))
    assert "baked into the input x" in problem.text
    assert "at least 2 rows and dynamic_shapes" in problem.remedy


def test_a_sequence_is_not_a_tensor():
    split = node("SplitToSequence", "x", "y")
    value = helper.make_tensor_sequence_value_info("y", TensorProto.FLOAT, ["batch", 1])
    assert "the output y is a sequence" in only(model([split], [X_IN], [value])).text


def test_training_mode_is_told_and_inference_mode_is_not():
    def dropout(flag):
        nodes = [node("Dropout", "x ratio training", "y")]
        held = {"ratio": np.float32(0.5), "training": np.bool_(flag)}
        return model(nodes, [X_IN], [Y_OUT], held)

    assert "training mode" in only(dropout(flag=True)).text
    assert find_problems(dropout(flag=False), SIGNATURE) == ()
    assert find_problems(model([node("Dropout", "x", "y")], [X_IN], [Y_OUT]), SIGNATURE) == ()
    norm = node("BatchNormalization", "x s b m v", "y rm rv", training_mode=1)
    held = {name: np.ones(2, np.float32) for name in "sbmv"}
    assert "model.eval()" in only(model([norm], [X_IN], [Y_OUT], held)).remedy


def quantised_softmax(classes, step):
    nodes = [
        node("Softmax", "x", "p"), node("QuantizeLinear", "p s z", "q"),
        node("DequantizeLinear", "q s z", "y"),
    ]  # fmt: skip
    held = {"s": np.float32(step), "z": np.uint8(0)}
    ends = [tensor(name, ["batch", classes]) for name in "xy"]
    specs = [TensorSpec(name, "float32", (None, classes)) for name in "xy"]
    return model(nodes, ends[:1], ends[1:], held), Signature((specs[0],), (specs[1],))


def test_a_softmax_that_is_quantised_more_coarsely_than_its_classes_need_is_named():
    problem = only(*quantised_softmax(1000, 1 / 256))
    assert problem.node == "the_p"
    assert "all zeros" in problem.text
    assert find_problems(*quantised_softmax(10, 1 / 256)) == ()


def test_what_the_checker_says_is_told_where_nothing_better_is_known():
    graph = model([node("Reshape", "x", "y")], [X_IN], [Y_OUT])
    assert "it is not valid ONNX" in only(graph).text


def test_an_opset_newer_than_this_onnx_is_left_to_the_loading():
    graph = model(
        [node("Relu", "x", "y")], [X_IN], [Y_OUT], opset=onnx.defs.onnx_opset_version() + 9
    )
    assert not any(problem.is_beyond_onnx for problem in find_problems(graph, SIGNATURE))


def test_a_graphs_own_signature_is_what_it_declares():
    ends = [tensor("x", ["n"], TensorProto.STRING), tensor("h", ["n", 3], TensorProto.FLOAT16)]
    graph = model([node("Identity", "h", "y")], ends, [tensor("y", None, TensorProto.FLOAT16)])
    assert signature_of(graph) == Signature(
        (TensorSpec("x", "bytes", (None,)), TensorSpec("h", "float16", (None, 3))),
        (TensorSpec("y", "float16", None),),
    )
