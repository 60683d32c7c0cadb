"""A version's graph is replaced by the winner, and by nothing else."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from export.graph.trials import FLOAT, FLOAT16, Margins, Wants
from export.tuning import own_answers, tune
from tests.export.graph.networks import mlp
from tests.export.graph.test_choice import Recorded


@pytest.fixture
def version(tmp_path):
    network = mlp()
    onnx.save(network.graph, tmp_path / "model.onnx")
    (tmp_path / "model.onnx.data").write_bytes(b"weights of the float graph")
    return tmp_path, network.evidence


def test_the_winner_takes_the_graphs_place_and_its_golden_outputs_are_its_own(version):
    folder, evidence = version
    before = (folder / "model.onnx").stat().st_size
    said = []
    watch = Recorded({FLOAT16: 1.0})
    choice = tune(folder, evidence, Wants(float16=True), Margins(), said.append, stopwatch=watch)
    assert choice.chosen.candidate == FLOAT16
    assert choice.path == folder / "model.onnx"
    assert sorted(path.name for path in folder.iterdir()) == ["model.onnx"]
    assert (folder / "model.onnx").stat().st_size == choice.chosen.bytes < 0.6 * before
    golden = own_answers(folder, evidence.samples, has_batch=True)["scores"]
    assert np.allclose(golden, evidence.reference["scores"], atol=0.01)
    assert not np.array_equal(golden, evidence.reference["scores"])
    assert said == ["making float16 storage", "measuring float32, float16 storage"]


def test_the_float_graph_stays_as_it_was_if_nothing_wins(version):
    folder, evidence = version
    before = (folder / "model.onnx").read_bytes()
    watch = Recorded({FLOAT16: 0.5})
    choice = tune(folder, evidence, Wants(float16=True), Margins(), lambda _: None, stopwatch=watch)
    assert choice.chosen.candidate == FLOAT
    assert (folder / "model.onnx").read_bytes() == before
    assert (folder / "model.onnx.data").exists()
