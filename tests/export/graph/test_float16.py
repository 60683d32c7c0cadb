"""Float16 in the file, float32 in the computation."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper

from export.graph.float16 import store_float16
from tests.export.graph.graphs import model, node, run, session, tensor
from tests.export.graph.networks import cnn

RNG = np.random.default_rng(3)
ROWS = RNG.normal(size=(2, 64)).astype(np.float32)
ENDS = [tensor("x", ["batch", 64])], [tensor("y", ["batch", 64])]


def dense(weights):
    return model([node("MatMul", "x w", "y")], *ENDS, {"w": weights.astype(np.float32)})


def dtypes(graph):
    return {held.name: held.data_type for held in graph.graph.initializer}


def test_the_file_is_half_and_the_answers_are_those_of_rounded_weights():
    weights = RNG.normal(size=(64, 64))
    stored = store_float16(dense(weights))
    onnx.checker.check_model(stored, full_check=True)
    assert stored.ByteSize() < 0.55 * dense(weights).ByteSize()
    rounded = weights.astype(np.float16).astype(np.float32)
    assert np.array_equal(run(stored, x=ROWS)["y"], run(dense(rounded), x=ROWS)["y"])


def test_the_casts_are_gone_once_it_is_loaded(tmp_path):
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "loaded.onnx")
    stored = store_float16(cnn().graph)
    ort.InferenceSession(stored.SerializeToString(), options, providers=["CPUExecutionProvider"])
    loaded = onnx.load(tmp_path / "loaded.onnx")
    casts = [node for node in loaded.graph.node if node.op_type == "Cast"]
    assert len(casts) <= 1  # that of the prelude


def test_what_float16_cannot_hold_and_what_is_small_stays():
    large = RNG.normal(size=(64, 64))
    large[0, 0] = 1e6
    assert dtypes(store_float16(dense(large))) == {"w": TensorProto.FLOAT}
    large[0, 0] = np.inf
    assert dtypes(store_float16(dense(large))) == {"w": TensorProto.FLOAT}
    few = model([node("Add", "x b", "y")], *ENDS, {"b": np.float32(0.1)})
    assert store_float16(few) == few


def test_whole_numbers_and_outputs_stay():
    held = {"n": np.arange(100), "w": np.ones((64, 64), np.float32)}
    nodes = [node("MatMul", "x w", "y")]
    graph = model(nodes, ENDS[0], [*ENDS[1], tensor("n", [100], 7), tensor("w", [64, 64])], held)
    assert store_float16(graph) == graph


def test_a_branch_still_finds_its_weights():
    branch = helper.make_graph([node("MatMul", "x w", "b")], "branch", [], [tensor("b", None)])
    choose = node("If", "flag", "y", then_branch=branch, else_branch=branch)
    held = {"flag": True, "w": np.eye(64, dtype=np.float32)}
    stored = store_float16(model([choose], *ENDS, held))
    assert dtypes(stored)["w/float16"] == TensorProto.FLOAT16
    assert np.array_equal(run(stored, x=ROWS)["y"], ROWS)


def test_the_given_graph_is_left_alone():
    graph = dense(RNG.normal(size=(64, 64)))
    before = graph.SerializeToString()
    store_float16(graph)
    assert graph.SerializeToString() == before
    assert session(graph)
