"""What every kind of source can do, once it is loaded: said once, for all frameworks.

The modules beside this one load one kind each and run in a process of their own
(``export.workshop``), because a model file can run code and because the frameworks are
large.  Only these dataclasses, and arrays in files, cross to the exporter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from export.tensors import Tensors
from model_store.spec import Signature

GRAPH_FILE = "model.onnx"
# Beside it, where the weights are too many for one file.
WEIGHTS_FILE = f"{GRAPH_FILE}.data"


@dataclass(frozen=True, slots=True)
class Description:
    """What a loaded source is.

    Attributes:
        signatures: By name, with the source's own dtypes and shapes; ``serving_default`` is
            the usual one.  Axis 0 is None where the source takes any number of rows.
        parameters: How many numbers were trained; 0 where nobody can say.
        versions: Of every library that took part, by distribution name.
        route: The way taken, for people: ``Keras 2 HDF5, by tf_keras``.
        class_labels: Class names that the file itself carries; empty if none.
        notes: What a person should know of, one sentence each.
    """

    signatures: Mapping[str, Signature]
    parameters: int
    versions: Mapping[str, str]
    route: str
    class_labels: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Prelude:
    """What stands between the wire tensor and a source's own input, inside the exported graph.

    ``float32(pixel) * scale + offset`` in each channel, then the axes in the source's order.

    Attributes:
        tensor: The wire tensor's name: ``uint8[N, height, width, channels]``.
        input: The source's input that it feeds.
        size: Height and width in pixels.
        scale: One factor for a channel.
        offset: One number for a channel, added after the factor.
        is_channels_first: Whether the source wants ``[N, channels, height, width]``.
    """

    tensor: str
    input: str
    size: tuple[int, int]
    scale: tuple[float, ...]
    offset: tuple[float, ...]
    is_channels_first: bool = False


@dataclass(frozen=True, slots=True)
class Options:
    """What an author can say beside the file, where a kind needs it.

    Attributes:
        inputs: Tensors of a source that does not name its own (``name:0`` in a frozen graph).
        outputs: Likewise.
        shapes: Of inputs, by name, where the file does not say (TorchScript, state dicts); None
            is a free axis.
        dtypes: numpy's names likewise; ``float32`` where nothing is said.
        output_names: What the outputs shall be called, in the source's order.
        module: ``package.module:factory`` that makes the network of a state dict.
        is_trusted: Whether the author lets the file run code of its own.
    """

    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    shapes: Mapping[str, tuple[int | None, ...]] = field(default_factory=dict)
    dtypes: Mapping[str, str] = field(default_factory=dict)
    output_names: tuple[str, ...] = ()
    module: str = ""
    is_trusted: bool = False


class Source(Protocol):
    """A loaded model.  Every method raises ExportRefused for what cannot be done, with the remedy."""

    def describe(self) -> Description:
        """What it takes, gives and was made with."""

    def run(self, signature: str, inputs: Tensors) -> Tensors:
        """What its author's own code computes for one batch, by output name."""

    def to_onnx(self, signature: str, folder: Path) -> tuple[str, ...]:
        """Write ``folder/model.onnx`` with the signature's names, dtypes and free axes.

        Returns:
            Notes for people.
        """

    def to_saved_model(self, folder: Path, preludes: Mapping[str, Prelude]) -> tuple[str, ...]:
        """Write a SavedModel with every signature; *preludes* by signature, where there is one.

        Returns:
            Notes for people.
        """

    def layers(self, signature: str, inputs: Tensors) -> Iterator[tuple[str, Tensors]]:
        """What each layer computes for one batch, in order, by the layer's name.

        For finding where an exported graph goes another way; a source that cannot look
        inside itself yields nothing.
        """


@runtime_checkable
class ProgramWriter(Protocol):
    """A source of PyTorch's, which TorchServe can serve without its author's code."""

    def to_program(self, folder: Path) -> str:
        """Write ``model.pt2`` or ``model.pt`` into *folder*; returns the file's name."""
