"""One model of the zoo: how it is made, exported, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from export.request import Target
from export.scaling import Scaling
from export.sources.source import Options
from model_store.contract import ImageContract


@dataclass(frozen=True)
class Entry:
    """A source that a stranger might have.

    Attributes:
        name: Unique, for files and tests.
        kind: Of the source, as ``export.kinds`` calls it.
        what: What there is to get wrong, for the table.
        build: Writes it into a folder as its author would, and gives the path.
        target: What it is exported to.
        options: What its author says beside the file.
        signature: Which one, of several.
        contract: How a picture becomes its input; None if it takes tensors.
        scaling: What is put into the graph.
        onnx_refusal: Words of the reason why ONNX cannot hold it; empty if it can.
        saved_model_refusal: Likewise for a SavedModel.
    """

    name: str
    kind: str
    what: str
    build: Callable[[Path], Path]
    target: Target = "onnx"
    options: Options = field(default_factory=Options)
    signature: str = ""
    contract: ImageContract | None = None
    scaling: Scaling = field(default_factory=Scaling)
    onnx_refusal: str = ""
    saved_model_refusal: str = ""

    def __str__(self) -> str:
        return self.name
