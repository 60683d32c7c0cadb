"""PyTorch's converter names nodes after operations, and splits and merges layers its own way."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from export.graph.session import open_session, run
from export.parity import Draw, Witness, find_divergence, prove_on, seeded
from export.sources.source import Options, Source
from model_store.spec import DEFAULT_SIGNATURE


@dataclass(frozen=True, slots=True)
class Loaded:
    """A source and its graph."""

    source: Source
    graph: Path


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    import torch

    from export.sources import torch_export

    nn = torch.nn

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU())
            self.left, self.right = nn.Conv2d(8, 8, 1), nn.Conv2d(8, 8, 1)
            self.wide, self.narrow = nn.Linear(8, 16), nn.Linear(16, 8)
            self.drop, self.out = nn.Dropout(), nn.Linear(8, 5)

        def forward(self, x):
            x = self.stem(x)
            x = self.left(x) + torch.relu(self.right(x))
            x = x.flatten(2).transpose(1, 2)
            x = self.narrow(self.drop(torch.relu(self.wide(x))))
            return self.out(x.mean(1))

    torch.manual_seed(0)
    network = Network().eval()
    network.stem[1].running_mean.normal_()
    rows = torch.export.Dim("rows")
    program = torch.export.export(network, (torch.randn(2, 3, 8, 8),), dynamic_shapes=({0: rows},))
    folder = tmp_path_factory.mktemp("torch")
    torch.export.save(program, folder / "network.pt2")
    source = torch_export.load(folder / "network.pt2", Options())
    source.to_onnx(DEFAULT_SIGNATURE, folder)
    return Loaded(source, folder / "model.onnx")


def weights_of(proto, layer):
    """What the layer's node reads; a merged constant has no name of its own."""
    named = {weight.name: weight for weight in proto.graph.initializer}
    if f"{layer}.weight" in named:
        return named[f"{layer}.weight"]
    shape = {"wide": (8, 16), "narrow": (16, 8)}[layer]
    (found,) = [w for w in named.values() if numpy_helper.to_array(w).shape == shape]
    return found


@pytest.mark.parametrize("layer", ["stem.0", "left", "right", "wide", "narrow", "out"])
def test_the_layer_is_named_by_its_module(model, layer, tmp_path):
    proto = onnx.load(model.graph)
    weight = weights_of(proto, layer)
    values = numpy_helper.to_array(weight)
    weight.CopyFrom(numpy_helper.from_array(values * np.float32(1.5), weight.name))
    onnx.save(proto, tmp_path / "altered.onnx")
    session = open_session(tmp_path / "altered.onnx", threads=1)
    signature = model.source.describe().signatures[DEFAULT_SIGNATURE]

    def source(inputs):
        return model.source.run(DEFAULT_SIGNATURE, inputs)

    draw = Draw(max_batch=3)
    proof = prove_on(source, lambda inputs: run(session, inputs), seeded(signature, draw))
    feeds = proof.evidence.failing
    assert not proof.report.passed
    layers = model.source.layers(DEFAULT_SIGNATURE, feeds)
    found = find_divergence(tmp_path / "altered.onnx", feeds, Witness(feeds, source(feeds), layers))
    assert found.layer.split(": ")[0] == layer
    assert found.op_type in ("Conv", "MatMul", "Gemm")
