"""What PyTorch files are refused for, with what to do; what tracing hides is brought to light."""

from __future__ import annotations

import os
import pickle
import warnings
import zipfile

import numpy as np
import pytest
import torch
from torch import nn

from export.sources import torch_export, torch_module, torchscript
from export.sources.source import Options
from model_store.errors import ExportRefused
from model_store.spec import DEFAULT_SIGNATURE
from tests.torch_nets import NETS, Net

CNN, BRANCH = NETS["cnn"], NETS["branch"]


class TwoRows(nn.Module):
    """Takes two rows and no other number of them."""

    def forward(self, numbers: torch.Tensor) -> torch.Tensor:
        return numbers.view(2, -1) * 2


class Text(nn.Module):
    """Gives something that is no tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(3, 2)

    def forward(self, numbers: torch.Tensor) -> tuple[torch.Tensor, str]:
        return self.dense(numbers), "text"


class Squeezed(nn.Module):
    """Loses its batch axis when there is one row."""

    def forward(self, numbers: torch.Tensor) -> torch.Tensor:
        return numbers.sum(1, keepdim=True).squeeze()


class Planted:
    """Pickles to a call that leaves a file behind."""

    def __init__(self, path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.fixture
def state(tmp_path):
    """Saves a network's numbers, changed by a function, and gives the path."""

    def save(net: Net, change=dict, **options):
        path = tmp_path / "net.pth"
        torch.save(change(net.make().state_dict()), path, **options)
        return path

    return save


@pytest.fixture
def traced(tmp_path):
    """Traces a network with three rows and gives the path."""

    def save(net: Net):
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            torch.jit.trace(net.make(), net.tensors(3), check_trace=False).save(tmp_path / "net.pt")
        return tmp_path / "net.pt"

    return save


def load_state(path, net, **options):
    return torch_module.load(
        path, Options(**({"shapes": net.shapes, "module": net.module} | options))
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda state: {"state_dict": state, "epoch": 3},
        lambda state: {"model_state_dict": state, "optimizer_state_dict": {"lr": 0.1}},
        lambda state: {f"module.{name}": tensor for name, tensor in state.items()},
    ],
    ids=["checkpoint", "tutorial", "data-parallel"],
)
def test_the_numbers_are_found_inside_a_checkpoint(state, change):
    plain, inputs = CNN.make(), CNN.inputs(2)
    source = load_state(state(CNN, change), CNN)
    want = plain(torch.from_numpy(inputs["image"])).detach().numpy()
    np.testing.assert_allclose(source.run(DEFAULT_SIGNATURE, inputs)["output_0"], want, rtol=1e-5)
    assert source.describe().notes


def test_a_state_dict_of_an_old_pytorch_is_read_too(state):
    source = load_state(state(CNN, _use_new_zipfile_serialization=False), CNN)
    assert source.describe().parameters > 0


def test_a_state_dict_alone_is_refused_with_the_flag_that_is_missing(state):
    with pytest.raises(ExportRefused, match="numbers without the network; give --module"):
        load_state(state(CNN), CNN, module="")


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        ("tests.torch_nets", "write package.module:factory"),
        ("tests.no_such:Net", "No module named 'tests.no_such'"),
        ("tests.torch_nets:Nope", "has no attribute 'Nope'"),
        ("tests.torch_nets:Net", "cannot make the model"),
        ("builtins:dict", "gives dict; it has to give a torch.nn.Module"),
    ],
)
def test_a_factory_that_makes_no_network_is_refused(state, module, reason):
    with pytest.raises(ExportRefused, match=reason):
        load_state(state(CNN), CNN, module=module)


def test_names_that_differ_are_told_from_both_sides(state):
    def renamed(saved):
        return {name.replace("head", "heads"): tensor for name, tensor in saved.items()}

    with pytest.raises(
        ExportRefused,
        match=r"lacks head\.bias, head\.weight; the module has no heads\.bias, heads\.weight; "
        r"heads\.bias may be what the module calls head\.bias",
    ):
        load_state(state(CNN, renamed), CNN)


def test_shapes_that_differ_are_told_with_both(state):
    def wider(saved):
        return saved | {"head.bias": torch.zeros(9)}

    with pytest.raises(ExportRefused, match=r"head\.bias is \[9\] in the file and \[5\]"):
        load_state(state(CNN, wider), CNN)


@pytest.mark.parametrize(
    ("shapes", "reason"),
    [
        ({}, "give that of image, such as --shape image=N,3,224,224"),
        ({"image": (None, 3, 16, 16), "mask": (None,)}, "forward has no mask; it takes image"),
        ({"image": (None, 4, 16, 16)}, "the model fails: .*4 channels"),
    ],
)
def test_shapes_that_do_not_fit_forward_are_refused(state, shapes, reason):
    with pytest.raises(ExportRefused, match=reason):
        load_state(state(CNN), CNN, shapes=shapes)


def test_a_dtype_that_pytorch_has_not_is_refused(state):
    with pytest.raises(ExportRefused, match="PyTorch has no bytes"):
        load_state(state(CNN), CNN, dtypes={"image": "bytes"})


def test_a_batch_axis_that_is_not_free_is_found_and_may_be_said_to_be_fixed(tmp_path):
    path = tmp_path / "two.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.trace(TwoRows(), torch.ones(2, 3)).save(path)
    with pytest.raises(ExportRefused, match="the batch axis is not free: .*; give --shape"):
        torchscript.load(path, Options())
    source = torchscript.load(path, Options(shapes={"numbers": (2, 3)}))
    assert source.describe().signatures[DEFAULT_SIGNATURE].outputs[0].shape == (2, 3)


def test_a_batch_axis_that_vanishes_with_one_row_is_found(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.trace(Squeezed(), torch.ones(2, 3)).save(tmp_path / "net.pt")
    with pytest.raises(ExportRefused, match=r"output_0 has 1 axes, and 0 .* a squeeze\(\)"):
        torchscript.load(tmp_path / "net.pt", Options())


def test_outputs_that_are_no_tensors_are_refused(tmp_path):
    torch.save(Text().state_dict(), tmp_path / "text.pth")
    options = Options(shapes={"numbers": (None, 3)}, module=f"{__name__}:Text")
    with pytest.raises(ExportRefused, match="output output_1 is str and no tensor"):
        torch_module.load(tmp_path / "text.pth", options)


def test_output_names_are_the_authors_and_must_be_as_many(state):
    source = load_state(state(CNN), CNN, output_names=("scores",))
    assert source.run(DEFAULT_SIGNATURE, CNN.inputs(1)).keys() == {"scores"}
    with pytest.raises(ExportRefused, match="2 output names for 1 outputs: output_0"):
        load_state(state(CNN), CNN, output_names=("a", "b"))


def test_a_whole_pickled_module_is_refused_with_both_ways_out(tmp_path):
    torch.save(CNN.make(), tmp_path / "whole.pt")
    with pytest.raises(
        ExportRefused, match=r"--module package\.module:factory, or save torch\.exp"
    ):
        load_state(tmp_path / "whole.pt", CNN)


def test_a_trusted_whole_module_gives_its_numbers_to_the_authors_network(tmp_path):
    torch.save(CNN.make(), tmp_path / "whole.pt")
    options = Options(module=CNN.module, shapes=CNN.shapes, is_trusted=True)
    source = torch_module.load(tmp_path / "whole.pt", options)
    assert source.describe().notes == ("its numbers are read from a whole module that was pickled",)


def test_a_pickle_that_wants_to_act_does_not(tmp_path):
    torch.save({"weight": Planted(tmp_path / "ran")}, tmp_path / "evil.pth")
    with pytest.raises(ExportRefused, match="no state dict that can be read without running code"):
        load_state(tmp_path / "evil.pth", CNN)
    assert not (tmp_path / "ran").exists()


def test_a_pickle_planted_in_an_exported_program_does_not_act_unless_trusted(tmp_path):
    program = torch.export.export(nn.Linear(3, 2).eval(), (torch.ones(2, 3),))
    torch.export.save(program, tmp_path / "good.pt2")
    planted = tmp_path / "evil.pt2"
    with zipfile.ZipFile(tmp_path / "good.pt2") as good, zipfile.ZipFile(planted, "w") as evil:
        for name in good.namelist():
            is_target = name.endswith("sample_inputs/model.pt")
            evil.writestr(name, pickled(tmp_path) if is_target else good.read(name))
    with pytest.raises(ExportRefused, match=r"cannot load evil\.pt2"):
        torch_export.load(planted, Options())
    assert not (tmp_path / "ran").exists()
    with pytest.raises(ExportRefused):  # what it gives is no example either
        torch_export.load(planted, Options(is_trusted=True))
    assert (tmp_path / "ran").exists()


def pickled(folder) -> bytes:
    torch.save(Planted(folder / "ran"), folder / "payload.pt", pickle_module=pickle)
    return (folder / "payload.pt").read_bytes()


def test_a_bound_that_the_program_sets_on_its_batch_is_told(tmp_path):
    rows = torch.export.Dim("rows", min=1, max=8)
    program = torch.export.export(
        nn.Linear(3, 2).eval(), (torch.ones(4, 3),), dynamic_shapes=({0: rows},)
    )
    torch.export.save(program, tmp_path / "bound.pt2")
    (note,) = torch_export.load(tmp_path / "bound.pt2", Options()).describe().notes
    assert "the program takes 1 to 8 along its free axis" in note


def test_a_traced_file_brings_its_own_shapes(traced):
    source = torchscript.load(traced(CNN), Options())
    spec = source.describe().signatures[DEFAULT_SIGNATURE].inputs[0]
    assert (spec.dtype, spec.shape) == ("float32", (None, 3, 16, 16))
    assert "shapes as traced, with a free batch axis: image" in source.describe().notes


def test_a_scripted_file_needs_to_be_told_its_shapes(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(CNN.make()).save(tmp_path / "net.pt")
    with pytest.raises(ExportRefused, match="give that of image, such as --shape image"):
        torchscript.load(tmp_path / "net.pt", Options())
    with pytest.raises(ExportRefused, match="has no input picture; it takes image"):
        shapes = CNN.shapes | {"picture": (None,)}
        torchscript.load(tmp_path / "net.pt", Options(shapes=shapes))


def test_a_branch_that_tracing_left_out_is_named(traced):
    notes = torchscript.load(traced(BRANCH), Options()).describe().notes
    assert any("never used: cold; if an `if` in forward" in note for note in notes)
    whole = torchscript.load(traced(CNN), Options()).describe().notes
    assert not any("never used" in note for note in whole)


def test_with_the_authors_module_a_branch_that_tracing_left_out_shows_in_the_numbers(traced):
    path = traced(BRANCH)
    alone, beside = (
        torchscript.load(path, Options(module=module)) for module in ("", BRANCH.module)
    )
    gaps = []
    for seed in range(8):
        inputs = BRANCH.inputs(2, seed=seed)
        got, want = (each.run(DEFAULT_SIGNATURE, inputs)["output_0"] for each in (alone, beside))
        gaps.append(float(np.abs(got - want).max()))
    assert max(gaps) > 1
    assert min(gaps) < 1e-6
