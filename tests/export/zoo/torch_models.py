"""PyTorch networks in each of the ways in which they are saved."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import torch

from export.kinds import TORCH_EXPORT, TORCH_STATE_DICT, TORCHSCRIPT
from export.scaling import Scaling
from export.sources.source import Options
from model_store.contract import ImageContract
from tests.export.zoo.entry import Entry
from tests.torch_nets import NETS

_PICTURE = ImageContract("image", (16, 16))
_UNIT = Scaling((1 / 255,))


def exported(name: str) -> Callable[[Path], Path]:
    """What builds a ``.pt2`` program of one of ``NETS``."""

    def build(folder: Path) -> Path:
        net = NETS[name]
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            program = torch.export.export(
                net.make(), net.tensors(2), dynamic_shapes=net.free_axes()
            )
            torch.export.save(program, folder / "model.pt2")
        return folder / "model.pt2"

    return build


def scripted(name: str, *, traced: bool) -> Callable[[Path], Path]:
    """What builds a TorchScript file."""

    def build(folder: Path) -> Path:
        net = NETS[name]
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            module = net.make()
            made = (
                torch.jit.trace(module, net.tensors(3), strict=False, check_trace=False)
                if traced
                else torch.jit.script(module)
            )
            made.save(folder / "model.pt")
        return folder / "model.pt"

    return build


def state(name: str) -> Callable[[Path], Path]:
    """What builds a state dict."""

    def build(folder: Path) -> Path:
        torch.save(NETS[name].make().state_dict(), folder / "weights.pth")
        return folder / "weights.pth"

    return build


def said(name: str, *, with_module: bool = False) -> Options:
    """What the author must say beside such a file."""
    net = NETS[name]
    module = net.module if with_module else ""
    return Options(shapes=net.shapes, dtypes=net.dtypes, module=module, is_trusted=with_module)


ENTRIES = (
    Entry("pt2-cnn", TORCH_EXPORT, "CNN, channels first", exported("cnn"), contract=_PICTURE, scaling=_UNIT),
    Entry("pt2-two-inputs", TORCH_EXPORT, "two inputs, a dictionary out", exported("two-inputs")),
    Entry("pt2-transformer", TORCH_EXPORT, "Transformer encoder over any length", exported("transformer")),
    Entry("pt2-any-size", TORCH_EXPORT, "free height and width", exported("any-size"), "both", saved_model_refusal="cannot become a SavedModel"),
    Entry("pt2-efficientnet", TORCH_EXPORT, "EfficientNet's blocks", exported("efficientnet")),
    Entry("traced-bilstm", TORCHSCRIPT, "LSTM in both directions, traced", scripted("bilstm", traced=True), options=said("bilstm")),
    Entry("scripted-branch", TORCHSCRIPT, "a branch that the numbers decide, scripted", scripted("branch", traced=False), options=said("branch")),
    Entry("scripted-transformer", TORCHSCRIPT, "an operation of autocast", scripted("transformer", traced=False), options=said("transformer"), onnx_refusal="is_autocast_enabled"),
    Entry("state-cnn", TORCH_STATE_DICT, "state dict and its factory", state("cnn"), options=said("cnn", with_module=True), contract=_PICTURE, scaling=_UNIT),
    Entry("state-branch", TORCH_STATE_DICT, "a branch that the numbers decide", state("branch"), options=said("branch", with_module=True)),
)  # fmt: skip
