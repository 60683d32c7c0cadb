"""Sources for the child process that fail in every way a real one might."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from export.sources.source import Description, Options, Prelude
from export.tensors import Tensors
from model_store.errors import ExportRefused
from model_store.spec import Signature, TensorSpec


def load(path: Path, options: Options) -> Doubling:
    what = path.read_text().strip()
    if what == "dies":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "raises":
        raise ZeroDivisionError("in a layer")
    if what == "refuses":
        raise ExportRefused("not such a file")
    if what == "misses":
        raise ModuleNotFoundError("No module named 'tensorflux'", name="tensorflux")
    if what == "hangs":
        signal.pause()
    if what == "prints":
        print("a framework's greeting")
        sys.stdout.flush()
    return Doubling(options)


class Doubling:
    def __init__(self, options: Options) -> None:
        self._options = options

    def describe(self) -> Description:
        inputs = tuple(
            TensorSpec(name, self._options.dtypes.get(name, "float32"), shape)
            for name, shape in self._options.shapes.items()
        )
        return Description({"serving_default": Signature(inputs, inputs)}, 3, {"n": "1"}, "test")

    def run(self, signature: str, inputs: Tensors) -> Tensors:
        return {name: tensor * 2 for name, tensor in inputs.items()}

    def to_onnx(self, signature: str, folder: Path) -> tuple[str, ...]:
        (folder / "model.onnx").write_text(signature)
        return ("a note",)

    def to_saved_model(self, folder: Path, preludes: Mapping[str, Prelude]) -> tuple[str, ...]:
        (folder / "saved_model.pb").write_text(repr(preludes))
        return ()

    def layers(self, signature: str, inputs: Tensors) -> Iterator[tuple[str, Tensors]]:
        for name, tensor in inputs.items():
            yield f"layer/{name}:0", {name: np.negative(tensor)}
