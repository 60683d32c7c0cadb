"""A faster form is published only if it wins, and is proven again: real graphs, recorded times."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
import pytest

from export.convert import make_onnx
from export.graph.trials import DYNAMIC, FLOAT, FLOAT16, Wants
from export.kinds import KINDS, ONNX
from export.parity.trials import from_samples
from export.proving import Held, prove
from export.refining import refine
from export.request import ExportRequest
from export.scaling import Scaling
from export.sources import onnx_file
from export.sources.source import Options
from export.wire import make_wire
from tests.export.graph.networks import mlp
from tests.export.graph.test_choice import Recorded


@dataclass
class InThisProcess:
    """A source that stands where a held one stands."""

    source: Any
    folder: Path

    def __getattr__(self, name):
        return getattr(self.source, name)


@pytest.fixture(scope="module")
def network():
    return mlp()


@pytest.fixture
def refined(network, tmp_path):
    """Convert, prove and refine with recorded times; the first proof and what came of it."""

    def run(wants: Wants, speedups: dict[str, float]):
        path = tmp_path / "network.onnx"
        onnx.save(network.graph, path)
        source = InThisProcess(onnx_file.load(path, Options()), tmp_path)
        own = source.describe().signatures["serving_default"]
        wire = make_wire(own, "serving_default", None, Scaling())
        samples = network.evidence.samples
        golden = (samples, source.run("serving_default", samples))
        trials = from_samples(samples, own, "pictures of the test")
        held = Held(KINDS[ONNX], source, wire, trials, golden, network.evidence.labels)
        request = ExportRequest(path, "network", wants=wants, report=str(tmp_path / "report"))
        folder = tmp_path / "version"
        folder.mkdir()
        made = make_onnx(source, wire, golden[0], folder, has_saved_model=False)
        first = prove(request, held, made)
        told: list[str] = []
        proven, choice = refine(
            request, held, first, folder, told.append, stopwatch=Recorded(speedups)
        )
        return first, proven, choice, folder / "model.onnx"

    return run


def test_nothing_is_tried_unless_it_was_asked_for(refined):
    first, proven, choice, _ = refined(Wants(), {})
    assert proven is first
    assert choice is None


def test_a_dense_network_that_wins_is_published_with_8_bits_and_proven_again(refined):
    first, proven, choice, graph = refined(Wants(quantize=True), {DYNAMIC: 2.0})
    assert choice.chosen.candidate == DYNAMIC
    assert proven.candidate.graph == graph == choice.path
    assert [path.name for path in graph.parent.iterdir()] == ["model.onnx"]
    assert graph.stat().st_size == choice.chosen.bytes
    assert proven.proof.report.passed
    assert proven.proof.report.tolerance.name == "loose"
    assert proven.proof.report.max_abs_error > first.proof.report.max_abs_error
    operations = {each.op_type for each in onnx.load(graph).graph.node}
    assert operations & {"MatMulInteger", "DynamicQuantizeMatMul", "DynamicQuantizeLinear"}


def test_the_float_graph_stays_byte_for_byte_where_nothing_wins(refined):
    first, proven, choice, graph = refined(
        Wants(quantize=True, float16=True), {DYNAMIC: 1.05, FLOAT16: 0.5}
    )
    assert choice.chosen.candidate == FLOAT
    assert proven is first
    kinds = {each.data_type for each in onnx.load(graph).graph.initializer}
    assert onnx.TensorProto.INT8 not in kinds
    assert onnx.TensorProto.FLOAT16 not in kinds
