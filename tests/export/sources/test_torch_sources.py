"""PyTorch's kinds of file: what ONNX Runtime makes of the graph is what the source computes."""

from __future__ import annotations

import warnings
import zipfile

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch

from export import kinds, sniff_torch
from export.sources import torch_export, torch_module, torchscript
from export.sources.source import GRAPH_FILE, Options
from model_store.errors import ExportRefused
from model_store.spec import DEFAULT_SIGNATURE
from tests.torch_nets import NETS, Net

KINDS = {
    kinds.TORCH_EXPORT: torch_export,
    kinds.TORCHSCRIPT: torchscript,
    kinds.TORCH_STATE_DICT: torch_module,
}
CASES = [
    ("pt2", "two-inputs"), ("pt2", "transformer"), ("pt2", "any-size"), ("pt2", "efficientnet"),
    ("traced", "cnn"), ("traced", "two-inputs"), ("traced", "bilstm"), ("traced", "transformer"),
    ("scripted", "two-inputs"), ("scripted", "branch"), ("scripted", "any-size"),
    ("state", "cnn"), ("state", "two-inputs"), ("state", "bilstm"), ("state", "branch"),
]  # fmt: skip


def save(way: str, net: Net, path) -> None:
    """As its author would, with PyTorch's warnings about its own past."""
    module = net.make()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        if way == "pt2":
            program = torch.export.export(module, net.tensors(2), dynamic_shapes=net.free_axes())
            torch.export.save(program, path)
        elif way == "traced":
            torch.jit.trace(module, net.tensors(3), strict=False, check_trace=False).save(path)
        elif way == "scripted":
            torch.jit.script(module).save(path)
        else:
            torch.save(module.state_dict(), path)


@pytest.fixture(scope="session")
def saved(tmp_path_factory):
    """Paths of networks saved in one way or another, each once."""
    folder = tmp_path_factory.mktemp("torch")
    paths = {}

    def path_of(way: str, name: str):
        if (way, name) not in paths:
            paths[way, name] = folder / f"{name}.{way}"
            save(way, NETS[name], paths[way, name])
        return paths[way, name]

    return path_of


@pytest.fixture(scope="session")
def source(saved):
    """Loaded sources, each once, by the loader that the file asks for."""
    sources = {}

    def load(way: str, name: str):
        if (way, name) not in sources:
            path, net = saved(way, name), NETS[name]
            kind = KINDS[sniff_torch.kind_of_zip(zipfile.ZipFile(path).namelist())]
            options = {
                "pt2": Options(),
                "traced": Options(shapes=net.shapes, dtypes=net.dtypes),
                "scripted": Options(shapes=net.shapes, dtypes=net.dtypes),
                "state": Options(shapes=net.shapes, dtypes=net.dtypes, module=net.module),
            }[way]
            sources[way, name] = kind.load(path, options)
        return sources[way, name]

    return load


def graph_of(source, folder):
    """The exported graph, ready to be called by name."""
    source.to_onnx(DEFAULT_SIGNATURE, folder)
    onnx.checker.check_model(onnx.load(folder / GRAPH_FILE), full_check=True)
    session = ort.InferenceSession(folder / GRAPH_FILE)
    names = [value.name for value in session.get_outputs()]
    return lambda inputs: dict(zip(names, session.run(names, inputs), strict=True))


@pytest.mark.parametrize(("way", "name"), CASES)
def test_the_exported_graph_computes_what_the_source_does_at_any_batch_and_length(
    source, tmp_path, way, name
):
    loaded, net = source(way, name), NETS[name]
    graph = graph_of(loaded, tmp_path)
    signature = loaded.describe().signatures[DEFAULT_SIGNATURE]
    assert {spec.name: spec.shape for spec in signature.inputs} == net.shapes
    assert tuple(spec.name for spec in signature.outputs) == net.outputs
    assert_named_as(signature, onnx.load(tmp_path / GRAPH_FILE).graph)
    for rows, length, seed in ((1, 5, 0), (2, 12, 1), (7, 9, 2), (3, 6, 3)):
        inputs = net.inputs(rows, length, seed)
        want, got = loaded.run(DEFAULT_SIGNATURE, inputs), graph(inputs)
        assert want.keys() == got.keys()
        for spec in signature.outputs:
            spec.check(str(want[spec.name].dtype), want[spec.name].shape)
            np.testing.assert_allclose(got[spec.name], want[spec.name], rtol=1e-4, atol=1e-5)


def assert_named_as(signature, graph):
    """Names, lengths and free axes of the graph are those of the signature."""
    for values, specs in ((graph.input, signature.inputs), (graph.output, signature.outputs)):
        for value, spec in zip(values, specs, strict=True):
            axes = value.type.tensor_type.shape.dim
            assert value.name == spec.name
            assert tuple(axis.dim_value or None for axis in axes) == spec.shape
            assert axes[0].dim_param == "batch"


def test_an_operation_without_onnx_is_named_with_another_way(source, tmp_path):
    with pytest.raises(ExportRefused, match="no ONNX for is_autocast_enabled; save .* --to mar"):
        source("scripted", "transformer").to_onnx(DEFAULT_SIGNATURE, tmp_path)


def test_a_source_says_what_it_is(source):
    described = source("state", "cnn").describe()
    module = NETS["cnn"].make()
    assert described.parameters == sum(parameter.numel() for parameter in module.parameters())
    assert described.versions["torch"] == torch.__version__
    assert "state dict" in described.route
    assert source("pt2", "two-inputs").describe().parameters == 24
    assert "onnx" in source("scripted", "branch").describe().versions


def test_the_sources_own_answer_is_the_modules(source):
    net = NETS["two-inputs"]
    inputs = net.inputs(4)
    want = net.make()(*(torch.from_numpy(array) for array in inputs.values()))
    for way in ("pt2", "traced", "scripted", "state"):
        got = source(way, "two-inputs").run(DEFAULT_SIGNATURE, inputs)
        for name, tensor in want.items():
            np.testing.assert_allclose(got[name], tensor.detach().numpy(), rtol=1e-5, atol=1e-6)


def test_layers_are_told_in_order_with_what_each_gave(source):
    inputs = NETS["cnn"].inputs(2)
    seen = list(source("state", "cnn").layers(DEFAULT_SIGNATURE, inputs))
    names = [name for name, _ in seen]
    assert names[:3] == ["features.0", "features.1", "features.2"]
    assert names[-1] == "head"
    assert seen[0][1]["output_0"].shape == (2, 8, 16, 16)


def test_an_exported_programs_layers_are_its_operations_under_their_layers_names(source):
    inputs = NETS["two-inputs"].inputs(2)
    seen = dict(source("pt2", "two-inputs").layers(DEFAULT_SIGNATURE, inputs))
    assert seen["dense: linear"]["output_0"].shape == (2, 4)
    assert seen["words: embedding"]["output_0"].shape == (2, 9, 4)


@pytest.mark.parametrize("way", ["pt2", "scripted", "state"])
def test_a_saved_model_is_refused_with_the_way_that_there_is(source, tmp_path, way):
    with pytest.raises(ExportRefused, match="choose --to onnx"):
        source(way, "two-inputs").to_saved_model(tmp_path, {})


@pytest.mark.parametrize("way", ["pt2", "scripted", "state"])
def test_another_signature_is_refused(source, tmp_path, way):
    with pytest.raises(ExportRefused, match="no signature other, only serving_default"):
        source(way, "two-inputs").to_onnx("other", tmp_path)


@pytest.mark.parametrize("way", ["pt2", "scripted", "state"])
def test_a_damaged_file_is_refused(saved, tmp_path, way):
    whole = saved(way, "two-inputs").read_bytes()
    path = tmp_path / "damaged"
    path.write_bytes(whole[: len(whole) // 2])
    loader = {"pt2": torch_export, "scripted": torchscript, "state": torch_module}[way]
    with pytest.raises(ExportRefused, match="damaged"):
        loader.load(path, Options(shapes=NETS["two-inputs"].shapes))
