"""What only a run shows: each of these graphs passes onnx.checker."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from export.graph.running import find_zeroed, try_out
from export.graph.session import open_session, run
from model_store.errors import ExportRefused
from model_store.spec import Signature, TensorSpec
from tests.export.graph.graphs import model, node, tensor

X = TensorSpec("x", "float32", (None, 4))
X_IN = tensor("x", ["batch", 4])
ROWS = {"x": np.random.default_rng(1).normal(size=(5, 4)).astype(np.float32)}


def promise(*shape, dtype="float32"):
    return Signature((X,), (TensorSpec("y", dtype, shape),))


def graph(nodes, shape, constants=None, dtype=TensorProto.FLOAT):
    made = model(nodes, [X_IN], [tensor("y", shape, dtype)], constants)
    onnx.checker.check_model(made, full_check=True)
    return made


def only(*arguments):
    found = try_out(*arguments)
    assert not found.is_row_wise
    (problem,) = found.problems
    return problem


def test_a_sound_graph_has_no_problems_and_its_rows_do_not_see_each_other():
    found = try_out(graph([node("Relu", "x", "y")], ["batch", 4]), promise(None, 4), ROWS)
    assert (found.problems, found.is_row_wise) == ((), True)


def test_one_row_to_try_on_is_repeated():
    one = {"x": ROWS["x"][:1]}
    assert try_out(graph([node("Relu", "x", "y")], ["batch", 4]), promise(None, 4), one).is_row_wise


def test_a_batch_axis_baked_into_a_reshape_is_named_by_its_node():
    hidden = graph([node("Reshape", "x s", "y")], ["batch", 4], {"s": np.int64([1, 4])})
    problem = only(hidden, promise(None, 4), ROWS)
    assert (problem.node, problem.operation) == ("the_y", "Reshape")
    assert "it fails with 2 rows" in problem.text
    assert "onnxruntime/" not in problem.text
    assert "free batch axis" in problem.remedy


def test_a_batch_that_is_folded_into_another_axis_is_found_by_the_length_of_the_output():
    folded = graph([node("Reshape", "x s", "y")], ["batch", None], {"s": np.int64([1, -1])})
    problem = only(folded, promise(None, None), ROWS)
    assert "[1, 4] for 1 row and for 3" in problem.text


def test_a_length_of_the_models_own_is_no_problem_but_its_rows_cannot_be_told_apart():
    flat = graph([node("Reshape", "x s", "y")], ["rows", 2], {"s": np.int64([-1, 2])})
    found = try_out(flat, promise(None, 2), ROWS)
    assert (found.problems, found.is_row_wise) == ((), False)


def test_rows_that_see_each_other_are_noticed():
    nodes = [node("ReduceMean", "x a", "m", keepdims=1), node("Sub", "x m", "y")]
    mixed = graph(nodes, ["batch", 4], {"a": np.int64([0])})
    found = try_out(mixed, promise(None, 4), ROWS)
    assert (found.problems, found.is_row_wise) == ((), False)


def test_chance_is_a_problem():
    nodes = [node("RandomUniformLike", "x", "r"), node("Add", "x r", "y")]
    assert "random numbers" in only(graph(nodes, ["batch", 4]), promise(None, 4), ROWS).text


def test_a_shape_or_dtype_that_is_promised_and_not_kept_is_told():
    # The axis is called otherwise in the file, so that nothing contradicts until it runs.
    lying = model([node("Relu", "x", "y")], [X_IN], [tensor("y", ["batch", 7])])
    found = try_out(lying, promise(None, 7), ROWS).problems
    assert any("is float32[3, 4] when it runs" in problem.text for problem in found)
    assert any("int64" in problem.text for problem in try_out(
        graph([node("Relu", "x", "y")], ["batch", 4]), promise(None, 4, dtype="int64"), ROWS
    ).problems)  # fmt: skip


def test_a_graph_without_a_batch_axis_is_run_once_as_it_is():
    added = model([node("Neg", "x", "y")], [tensor("x", [])], [tensor("y", [])])
    spec = TensorSpec("x", "float32", ())
    found = try_out(
        added, Signature((spec,), (TensorSpec("y", "float32", ()),)), {"x": np.float32(1)}
    )
    assert (found.problems, found.is_row_wise) == ((), False)


def test_nothing_but_zeros_where_there_was_something_is_a_problem():
    want = {"scores": np.full((2, 1000), 0.001, np.float32), "mask": np.zeros(2)}
    got = {"scores": np.zeros((2, 1000), np.float32), "mask": np.zeros(2)}
    (problem,) = find_zeroed(want, got)
    assert "scores" in problem.text
    assert find_zeroed(want, want) == ()


@pytest.mark.parametrize(
    ("nodes", "change", "says"),
    [
        ([node("Erfc", "x", "y")], {}, r"no operation for Erfc \(node the_y\)"),
        ([node("Relu", "x", "y")], {"opset": 99}, "newer kind than ONNX Runtime reads"),
        ([node("Reshape", "x", "y")], {}, "ONNX Runtime does not load it"),
    ],
)
def test_what_onnx_runtime_cannot_load_is_told_in_our_words(nodes, change, says):
    made = model(nodes, [X_IN], [tensor("y", ["batch", 4])], **change)
    with pytest.raises(ExportRefused, match=says):
        open_session(made)


def test_an_operation_without_a_kernel_is_named():
    nodes = [node("Conv", "x w", "y")]
    ends = [tensor(name, ["batch", 2, 4, 4], TensorProto.DOUBLE) for name in "xy"]
    with pytest.raises(ExportRefused, match=r"Conv \(node the_y\) for this dtype"):
        open_session(model(nodes, ends[:1], ends[1:], {"w": np.zeros((2, 2, 1, 1))}))


def test_strings_are_byte_strings_on_both_sides():
    nodes = [node("StringConcat", "x x", "y")]
    made = model(
        nodes,
        [tensor("x", ["n"], TensorProto.STRING)],
        [tensor("y", None, TensorProto.STRING)],
        opset=20,
    )
    session = open_session(made)
    given = np.char.encode(np.array(["drawing", "고양이"]), "utf-8")
    assert run(session, {"x": given})["y"].tolist() == [b"drawing" * 2, ("고양이" * 2).encode()]


def test_a_file_of_another_ir_version_than_onnx_runtime_reads_is_told():
    made = model([node("Relu", "x", "y")], [X_IN], [tensor("y", ["batch", 4])])
    made.ir_version = 99
    with pytest.raises(ExportRefused, match="IR version of 10 or less"):
        open_session(made)


def test_a_missing_output_is_told():
    made = model([node("Relu", "x", "z")], [X_IN], [tensor("z", ["batch", 4])])
    assert "the output y is missing" in only(made, promise(None, 4), ROWS).text
