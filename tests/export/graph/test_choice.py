"""Which form is published: real graphs and real answers, with times that were written down."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field, replace

import numpy as np
import onnx
import pytest

from export.graph.agreement import accuracy
from export.graph.choice import Workbench, choose
from export.graph.stopwatch import SETTINGS, Setting
from export.graph.trials import DYNAMIC, FLOAT, FLOAT16, OPTIMIZED, STATIC, Evidence, Margins, Wants
from tests.export.graph.graphs import model, node, run, tensor
from tests.export.graph.networks import cnn, mlp
from tests.support import BUNDLED_STORE

QUANTIZE, MARGINS = Wants(quantize=True), Margins()


@dataclass
class Recorded:
    """A stopwatch that tells what was written down: times as fast as the float graph."""

    speedups: dict[str, float]
    slow: dict[Setting, float] = field(default_factory=dict)
    asked: list[Setting] = field(default_factory=list)

    def medians(self, setting, calls):
        self.asked.append(setting)
        for call in calls.values():
            call()
        factor = self.slow.get(setting)
        return {
            name: 0.004 / (1.0 if name == FLOAT else factor or self.speedups[name])
            for name in calls
        }


@pytest.fixture(scope="module")
def networks():
    return {"cnn": cnn(), "mlp": mlp()}


@pytest.fixture
def chosen(networks, tmp_path):
    """Choose for a network with recorded times."""

    def run_choice(name, wants, speedups, margins=MARGINS, **changes):
        network = networks[name]
        onnx.save(network.graph, tmp_path / "model.onnx")
        watch = Recorded(speedups)
        evidence = replace(network.evidence, **changes)
        choice = choose(
            tmp_path / "model.onnx", evidence, wants, margins, Workbench(tmp_path, watch)
        )
        assert sum(trial.is_chosen for trial in choice.trials) == 1
        assert watch.asked == list(SETTINGS)
        return choice

    return run_choice


def operations(path):
    return Counter(node.op_type for node in onnx.load(path).graph.node)


def verdict(choice, candidate):
    (trial,) = [trial for trial in choice.trials if trial.candidate == candidate]
    return trial.verdict


def test_a_convolutional_network_that_is_fast_and_right_in_8_bits_is_published_so(chosen, networks):
    choice = chosen("cnn", QUANTIZE, {STATIC: 2.4})
    assert choice.chosen.candidate == STATIC
    assert choice.chosen.bytes == choice.path.stat().st_size
    assert verdict(choice, STATIC) == "wins: 2.40x as fast, 100.0% right"
    assert choice.notes == ("judged on 24 samples that the calibration did not see",)
    evidence = networks["cnn"].evidence
    got = run(onnx.load(choice.path), **evidence.samples)
    assert accuracy(got, evidence.labels) == 1.0


def test_the_softmax_and_the_prelude_stay_in_float(chosen):
    choice = chosen("cnn", QUANTIZE, {STATIC: 2.4})
    graph = onnx.load(choice.path).graph
    readers = {name: node for node in graph.node for name in node.input}
    (softmax,) = [node for node in graph.node if node.op_type == "Softmax"]
    assert softmax.output[0] == "scores"
    for name in ("prelude/Cast", "prelude/Mul"):
        assert readers[name].op_type in {"Mul", "Add"}
    weights = [
        onnx.numpy_helper.to_array(held).dtype
        for held in graph.initializer
        if readers[held.name].op_type == "DequantizeLinear" and len(held.dims) == 4
    ]
    assert weights == [np.int8, np.int8]
    held = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    activations = [node for node in graph.node if node.op_type == "QuantizeLinear"]
    assert {str(held[node.input[2]].dtype) for node in activations} == {"uint8"}


def test_the_float_graph_is_kept_if_8_bits_are_not_fast_enough(chosen):
    choice = chosen("cnn", QUANTIZE, {STATIC: 1.15})
    assert choice.chosen.candidate == FLOAT
    assert choice.path.name == "model.onnx"
    assert verdict(choice, STATIC) == "left: 1.15x as fast (1.2x wanted)"


def test_one_setting_in_which_it_is_slower_is_enough_to_keep_the_float_graph(networks, tmp_path):
    onnx.save(networks["cnn"].graph, tmp_path / "model.onnx")
    watch = Recorded({STATIC: 3.0}, {Setting(8, 0): 0.9})
    bench = Workbench(tmp_path, watch)
    choice = choose(tmp_path / "model.onnx", networks["cnn"].evidence, QUANTIZE, MARGINS, bench)
    assert choice.chosen.candidate == FLOAT
    assert choice.trials[1].speedup == pytest.approx((3 * 3 * 3 * 0.9) ** 0.25)
    assert verdict(choice, STATIC) == "left: slower at batch 8, all cores (0.90x)"


def test_the_float_graph_is_kept_if_8_bits_answer_otherwise(chosen, networks):
    labels = networks["cnn"].evidence.labels
    reference = {"scores": np.eye(4, dtype=np.float32)[(labels + (np.arange(48) % 24 == 1)) % 4]}
    choice = chosen("cnn", QUANTIZE, {STATIC: 2.4}, labels=None, reference=reference)
    assert choice.chosen.candidate == FLOAT
    assert verdict(choice, STATIC) == "left: 91.7% agreement (99.0% wanted)"
    lenient = chosen(
        "cnn", QUANTIZE, {STATIC: 2.4}, Margins(agreement=0.9), labels=None, reference=reference
    )
    assert lenient.chosen.candidate == STATIC


def test_a_dense_network_is_quantised_dynamically_and_needs_no_samples_for_it(chosen):
    choice = chosen("mlp", QUANTIZE, {DYNAMIC: 2.9}, are_random=True)
    assert choice.chosen.candidate == DYNAMIC
    assert operations(choice.path)["MatMulInteger"] == 2
    assert choice.chosen.bytes < 0.5 * choice.trials[0].bytes


def test_noise_calibrates_nothing(chosen):
    choice = chosen("cnn", QUANTIZE, {}, are_random=True)
    assert choice.chosen.candidate == FLOAT
    assert verdict(choice, STATIC) == "not tried: noise calibrates nothing; add --samples"


def test_the_bundled_digits_stay_float_since_8_bits_gain_them_nothing(tmp_path):
    folder = BUNDLED_STORE / "numbers" / "1"
    with np.load(folder / "golden.npz") as golden:
        rows = {"image": golden["input:image"]}
        reference = {"scores": golden["output:scores"]}
    # What this network's own measurement said when these tests were written.
    watch = Recorded({STATIC: 0.88})
    bench = Workbench(tmp_path, watch)
    choice = choose(folder / "model.onnx", Evidence(rows, reference), QUANTIZE, MARGINS, bench)
    assert choice.chosen.candidate == FLOAT
    assert choice.path == folder / "model.onnx"
    assert choice.trials[1].agreement == 1.0
    assert "0.88x as fast (1.2x wanted)" in verdict(choice, STATIC)
    assert choice.notes == ("judged on 16 samples",)


def test_float16_storage_halves_the_file_and_is_taken_if_it_costs_nothing(chosen):
    choice = chosen("mlp", Wants(float16=True), {FLOAT16: 1.0})
    assert choice.chosen.candidate == FLOAT16
    assert choice.chosen.bytes < 0.6 * choice.trials[0].bytes
    slower = chosen("mlp", Wants(float16=True), {FLOAT16: 0.8})
    assert slower.chosen.candidate == FLOAT


def test_what_is_faster_goes_before_what_is_only_smaller(chosen):
    wants = Wants(optimize=True, quantize=True, float16=True)
    choice = chosen("mlp", wants, {OPTIMIZED: 1.3, FLOAT16: 1.5, DYNAMIC: 2.0})
    assert choice.chosen.candidate == DYNAMIC
    choice = chosen("mlp", wants, {OPTIMIZED: 1.3, FLOAT16: 1.5, DYNAMIC: 1.0})
    assert choice.chosen.candidate == OPTIMIZED


def test_an_optimised_graph_must_be_faster_to_be_published(chosen):
    choice = chosen("cnn", Wants(optimize=True), {OPTIMIZED: 1.01})
    assert choice.chosen.candidate == FLOAT
    assert "(1.05x wanted)" in verdict(choice, OPTIMIZED)
    better = chosen("cnn", Wants(optimize=True), {OPTIMIZED: 1.1})
    assert "BatchNormalization" not in operations(better.path)
    assert better.chosen.agreement == 1.0


def test_a_graph_with_nothing_to_quantise_says_so(tmp_path):
    graph = model(
        [node("Relu", "x", "y")], [tensor("x", ["batch", 3])], [tensor("y", ["batch", 3])]
    )
    onnx.save(graph, tmp_path / "model.onnx")
    rows = {"x": np.float32([[1, -2, 3]])}
    evidence = Evidence(rows, run(graph, **rows))
    choice = choose(
        tmp_path / "model.onnx", evidence, QUANTIZE, MARGINS, Workbench(tmp_path, Recorded({}))
    )
    assert choice.trials[1].verdict == "not tried: there is nothing in it to quantise"
    assert choice.notes == ("judged on 1 sample",)


def test_a_candidate_that_cannot_be_made_is_a_row_of_the_table_and_no_failure(networks, tmp_path):
    onnx.save(networks["cnn"].graph, tmp_path / "model.onnx")
    (tmp_path / "int8-static.onnx").mkdir()  # where its file would be
    choice = choose(
        tmp_path / "model.onnx", networks["cnn"].evidence, QUANTIZE, MARGINS,
        Workbench(tmp_path, Recorded({})),
    )  # fmt: skip
    assert choice.chosen.candidate == FLOAT
    assert choice.trials[1].verdict.startswith("failed: ")


def test_a_candidate_that_answers_zeros_only_is_thrown_away(tmp_path):
    held = {"w": np.full((64, 64), 1e-9, np.float32)}  # float16 has nothing so small
    ends = [tensor(name, ["batch", 64]) for name in "xy"]
    graph = model([node("MatMul", "x w", "y")], ends[:1], ends[1:], held)
    onnx.save(graph, tmp_path / "model.onnx")
    rows = {"x": np.ones((2, 64), np.float32)}
    choice = choose(
        tmp_path / "model.onnx", Evidence(rows, run(graph, **rows)), Wants(float16=True), MARGINS,
        Workbench(tmp_path, Recorded({})),
    )  # fmt: skip
    assert choice.chosen.candidate == FLOAT
    assert "the output y is zero everywhere" in verdict(choice, FLOAT16)


def test_a_graph_without_a_batch_axis_is_run_as_it_is(tmp_path):
    held = {"w": np.random.default_rng(1).normal(size=(64, 64)).astype(np.float32)}
    graph = model(
        [node("MatMul", "x w", "y")], [tensor("x", [3, 64])], [tensor("y", [3, 64])], held
    )
    onnx.save(graph, tmp_path / "model.onnx")
    rows = {"x": np.random.default_rng(2).normal(size=(3, 64)).astype(np.float32)}
    evidence = Evidence(rows, run(graph, **rows), has_batch=False)
    watch = Recorded({DYNAMIC: 2.0})
    choice = choose(
        tmp_path / "model.onnx", evidence, QUANTIZE, MARGINS, Workbench(tmp_path, watch)
    )
    assert watch.asked == [Setting(0, 1), Setting(0, 0)]
    assert choice.trials[1].candidate == DYNAMIC


def test_the_table_is_json_too(chosen):
    told = json.loads(json.dumps(chosen("cnn", QUANTIZE, {STATIC: 2.4}).to_json()))
    assert [trial["candidate"] for trial in told["trials"]] == [FLOAT, STATIC]
    assert told["trials"][1]["timings"][0] == {
        "setting": {"batch": 1, "threads": 1}, "ms": pytest.approx(4 / 2.4),
    }  # fmt: skip
