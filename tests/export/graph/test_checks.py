"""The door between conversion and publishing: what is mended, what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper

from export.graph.checks import check
from model_store.errors import ExportRefused
from model_store.spec import Signature, TensorSpec
from tests.export.graph.graphs import model, node, run, tensor

ROWS = {"x": np.random.default_rng(2).normal(size=(3, 2)).astype(np.float32)}
X, Y = TensorSpec("x", "float32", (None, 2)), TensorSpec("y", "float32", (None, 2))


def test_an_input_that_nothing_reads_is_taken_and_ignored():
    graph = model([node("Relu", "x", "y")], [tensor("x", ["unk__4", 2])], [tensor("y", None)])
    signature = Signature((X, TensorSpec("mask", "float32", (None,))), (Y,))
    inputs = {**ROWS, "mask": np.ones(3, np.float32)}
    checked = check(graph, signature, inputs)
    assert checked.notes == ("the input mask is not read by the model; it is taken and ignored",)
    assert checked.is_row_wise
    assert np.array_equal(run(checked.model, **inputs)["y"], np.maximum(ROWS["x"], 0))


def test_every_problem_is_told_at_once():
    nodes = [
        helper.make_node("Erfc", ["x"], ["e"], "gelu/Erfc"),
        helper.make_node("DecodeJpeg", ["e"], ["y"], "decode"),
    ]
    graph = model(nodes, [tensor("x", ["N", 2])], [tensor("y", ["N", 2])])
    with pytest.raises(ExportRefused) as refused:
        check(graph, Signature((X,), (Y,)), ROWS)
    told = str(refused.value)
    assert "gelu/Erfc" in told
    assert "node decode" in told
    assert "--to saved_model" in told


def test_what_only_a_run_shows_is_refused_too():
    graph = model(
        [node("Reshape", "x s", "y")], [tensor("x", ["N", 2])], [tensor("y", ["N", 2])],
        {"s": np.int64([1, 2])},
    )  # fmt: skip
    with pytest.raises(ExportRefused, match="Reshape \\(node the_y\\)"):
        check(graph, Signature((X,), (Y,)), ROWS)
