"""Names of inputs, outputs and the batch axis."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export.graph.names import name_batch_axis, rename_values
from model_store.errors import ExportRefused
from tests.export.graph.graphs import model, node, run, tensor

ROWS = np.float32([[1, 2], [3, 4]])


def chain(*names):
    nodes = [node("Neg", old, new) for old, new in pairwise(names)]
    return model(nodes, [tensor(names[0], ["N", 2])], [tensor(names[-1], ["N", 2])])


def ends(graph):
    return [value.name for value in (*graph.graph.input, *graph.graph.output)]


def test_inputs_and_outputs_get_the_names_that_were_asked_for():
    graph = rename_values(chain("serving_default_x:0", "Identity:0"), {
        "serving_default_x:0": "x", "Identity:0": "scores",
    })  # fmt: skip
    assert ends(graph) == ["x", "scores"]
    assert np.array_equal(run(graph, x=ROWS)["scores"], -ROWS)


def test_names_can_be_exchanged():
    graph = rename_values(chain("a", "b"), {"a": "b", "b": "a"})
    assert ends(graph) == ["b", "a"]
    assert np.array_equal(run(graph, b=ROWS)["a"], -ROWS)


def test_a_value_inside_gets_out_of_the_way():
    graph = rename_values(chain("x", "scores", "scores_1", "y"), {"y": "scores"})
    assert ends(graph) == ["x", "scores"]
    assert np.array_equal(run(graph, x=ROWS)["scores"], -ROWS)


def test_two_tensors_cannot_get_one_name():
    with pytest.raises(ExportRefused, match="two tensors of the graph would be called y"):
        rename_values(chain("x", "y"), {"x": "y"})
    with pytest.raises(ExportRefused, match="would be called z"):
        rename_values(chain("x", "y"), {"x": "z", "y": "z"})


def test_a_name_that_the_graph_does_not_have_changes_nothing():
    graph = chain("x", "y")
    assert rename_values(graph, {"absent": "y"}) == graph


def test_a_loops_body_reads_the_outer_value_by_its_new_name():
    body = onnx.helper.make_graph(
        [node("Identity", "go", "go_on"), node("Add", "sum x", "next")],
        "body",
        [tensor("i", [], onnx.TensorProto.INT64), tensor("go", [], onnx.TensorProto.BOOL),
         tensor("sum", None)],
        [tensor("go_on", [], onnx.TensorProto.BOOL), tensor("next", None)],
    )  # fmt: skip
    loop = onnx.helper.make_node("Loop", ["three", "", "x"], ["y"], "loop", body=body)
    graph = model([loop], [tensor("x", ["N", 2])], [tensor("y", None)], {"three": np.int64(3)})
    renamed = rename_values(graph, {"x": "rows", "y": "total"})
    assert np.array_equal(run(renamed, rows=ROWS)["total"], 4 * ROWS)


def axes(value):
    return [axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim]


def test_the_free_first_axis_is_called_batch_everywhere_it_is_used():
    graph = model(
        [node("Neg", "x", "inner"), node("MatMul", "inner w", "y")],
        [tensor("x", ["unk__3", 2])],
        [tensor("y", ["unk__9", "unk__3"])],
        {"w": np.eye(2, dtype=np.float32)},
    )
    graph.graph.value_info.append(tensor("inner", ["unk__3", 2]))
    named = name_batch_axis(graph).graph
    assert axes(named.input[0]) == ["batch", 2]
    assert axes(named.output[0]) == ["batch", "batch"]
    assert axes(named.value_info[0]) == ["batch", 2]


def test_fixed_axes_scalars_and_tensors_of_unknown_rank_are_left_as_they_are():
    graph = model(
        [node("Neg", "x", "y"), node("Size", "x", "n")],
        [tensor("x", [1, 2])],
        [tensor("y", None), tensor("n", [], onnx.TensorProto.INT64)],
    )
    assert name_batch_axis(graph) == graph


words = st.text("abc_:/0", min_size=1, max_size=3)


@settings(deadline=None, max_examples=60)
@given(st.lists(words, min_size=2, max_size=5, unique=True), st.dictionaries(words, words))
def test_any_renaming_is_done_or_refused_and_never_changes_the_computation(values, renames):
    graph = chain(*values)
    try:
        renamed = rename_values(graph, renames)
    except ExportRefused:
        return
    first, last = (renames.get(name, name) for name in (values[0], values[-1]))
    assert ends(renamed) == [first, last]
    assert np.array_equal(run(renamed, **{first: ROWS})[last], ROWS * (-1) ** (len(values) - 1))
