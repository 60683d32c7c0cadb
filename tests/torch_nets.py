"""Small PyTorch networks, one for each thing that goes wrong on the way to ONNX."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn


class Cnn(nn.Module):
    """``float32[N, 3, 16, 16]`` to five scores."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
        )  # fmt: skip
        self.dropout = nn.Dropout(0.5)
        self.head = nn.Linear(8 * 8 * 8, 5)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return torch.softmax(self.head(self.dropout(self.features(image).flatten(1))), 1)


class TwoInputs(nn.Module):
    """Numbers and word numbers to a dictionary."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(3, 4)
        self.words = nn.Embedding(2, 4)

    def forward(self, numbers: torch.Tensor, words: torch.Tensor) -> dict[str, torch.Tensor]:
        both = self.dense(numbers) + self.words(words).sum(1)
        return {"scores": torch.sigmoid(both), "total": both.sum(1)}


class BiLstm(nn.Module):
    """A sequence of any length to two scores and each step's features."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(4, 6, bidirectional=True, batch_first=True)
        self.head = nn.Linear(12, 2)

    def forward(self, sequence: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        steps, _ = self.lstm(sequence)
        return self.head(steps[:, -1]), steps


class Transformer(nn.Module):
    """A sequence of any length to features."""

    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2)

    def forward(self, sequence: torch.Tensor) -> torch.Tensor:
        return self.encoder(sequence)  # type: ignore[no-any-return]


class AnySize(nn.Module):
    """A picture of any size to one of half its size, and a mean over it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, stride=2, padding=1)

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        half = torch.relu(self.conv(image))
        return half, half.mean((2, 3))


class Branch(nn.Module):
    """Which of two layers answers, the numbers decide."""

    def __init__(self) -> None:
        super().__init__()
        self.warm = nn.Linear(3, 2)
        self.cold = nn.Linear(3, 2)

    def forward(self, numbers: torch.Tensor) -> torch.Tensor:
        if bool(numbers.sum() > 0):
            return self.warm(numbers)
        return self.cold(numbers) - 5


class Squeeze(nn.Module):
    """EfficientNet's block: wide, in depth, weighed by its own mean, and narrow again."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        wide = 4 * channels
        self.expand = nn.Sequential(nn.Conv2d(channels, wide, 1, bias=False), nn.BatchNorm2d(wide))
        self.depth = nn.Conv2d(wide, wide, 5, padding=2, groups=wide, bias=False)
        self.weigh = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(wide, 4, 1), nn.SiLU(), nn.Conv2d(4, wide, 1),
        )  # fmt: skip
        self.narrow = nn.Conv2d(wide, channels, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        wide = self.depth(nn.functional.silu(self.expand(image)))
        return image + self.narrow(wide * torch.sigmoid(self.weigh(wide)))


class EfficientNet(nn.Module):
    """``float32[N, 3, 32, 32]`` to ten logits."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=2)
        self.blocks = nn.Sequential(Squeeze(8), Squeeze(8))
        self.head = nn.Linear(8, 10)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.head(self.blocks(self.stem(image)).mean((2, 3)))  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class Net:
    """A network and what it takes."""

    kind: type[nn.Module]
    shapes: dict[str, tuple[int | None, ...]]
    outputs: tuple[str, ...] = ("output_0",)
    dtypes: dict[str, str] = field(default_factory=dict)

    def make(self) -> nn.Module:
        """The network in eval mode, its statistics not those of a fresh one."""
        torch.manual_seed(7)
        module = self.kind()
        for name, buffer in module.named_buffers():
            if name.endswith(("running_mean", "running_var")):
                buffer.uniform_(0.5, 2.0)
        return module.eval()

    @property
    def module(self) -> str:
        """What an author would give for ``--module``."""
        return f"{__name__}:{self.kind.__name__}"

    def inputs(self, rows: int, length: int = 9, seed: int = 0) -> dict[str, Any]:
        """Seeded arrays."""
        generator = np.random.default_rng(seed)
        arrays: dict[str, Any] = {}
        for name, shape in self.shapes.items():
            sizes = [
                (length if at else rows) if size is None else size for at, size in enumerate(shape)
            ]
            arrays[name] = (
                generator.integers(0, 2, sizes)
                if self.dtypes.get(name) == "int64"
                else generator.normal(size=sizes).astype(np.float32)
            )
        return arrays

    def tensors(self, rows: int) -> tuple[torch.Tensor, ...]:
        """The same for PyTorch."""
        return tuple(torch.from_numpy(array) for array in self.inputs(rows).values())

    def free_axes(self) -> dict[str, dict[int, Any]]:
        """What torch.export wants to know."""
        return {
            name: {at: torch.export.Dim.DYNAMIC for at, size in enumerate(shape) if size is None}
            for name, shape in self.shapes.items()
        }


NETS = {
    "cnn": Net(Cnn, {"image": (None, 3, 16, 16)}),
    "two-inputs": Net(
        TwoInputs,
        {"numbers": (None, 3), "words": (None, None)},
        ("scores", "total"),
        {"words": "int64"},
    ),
    "bilstm": Net(BiLstm, {"sequence": (None, None, 4)}, ("output_0", "output_1")),
    "transformer": Net(Transformer, {"sequence": (None, None, 16)}),
    "any-size": Net(AnySize, {"image": (None, 3, None, None)}, ("output_0", "output_1")),
    "branch": Net(Branch, {"numbers": (None, 3)}),
    "efficientnet": Net(EfficientNet, {"image": (None, 3, 32, 32)}),
}
