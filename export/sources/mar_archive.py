"""A TorchServe archive that we made, called as TorchServe would: for proving it equal.

The handler comes out of the archive itself, and takes and gives the bytes of JSON that it
will when it serves.
"""

from __future__ import annotations

import json
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import util
from pathlib import Path
from typing import Any

import numpy as np
import torch

from export.sources.source import Description, Options, Prelude
from export.tensors import Tensors
from model_store.errors import ExportRefused
from model_store.spec import DEFAULT_SIGNATURE, Signature, TensorSpec


@dataclass(slots=True)
class _Context:
    """What of TorchServe's own context the handler uses."""

    system_properties: Mapping[str, str]
    statuses: dict[int, int] = field(default_factory=dict)

    def set_response_status(self, code: int, phrase: str, idx: int) -> None:
        del phrase
        self.statuses[idx] = code

    def set_response_content_type(self, index: int, value: str) -> None:
        del index, value


@dataclass(frozen=True, slots=True)
class ArchiveSource:
    """An unpacked archive with its handler loaded."""

    handler: Any
    folder: Path
    signature: Signature

    def describe(self) -> Description:
        """What it takes and gives on the wire."""
        return Description(
            {DEFAULT_SIGNATURE: self.signature}, 0, {"torch": str(torch.__version__)},
            "TorchServe archive, by its own handler",
        )  # fmt: skip

    def run(self, signature: str, inputs: Tensors) -> Tensors:
        """Post one batch to the handler."""
        del signature
        body = {"inputs": {name: array.tolist() for name, array in inputs.items()}}
        context = _Context({"model_dir": str(self.folder)})
        (answer,) = self.handler.handle([{"body": json.dumps(body).encode()}], context)
        said = json.loads(answer)
        if context.statuses:
            raise ExportRefused(f"the archive's handler refuses: {said['error']}")
        return {
            spec.name: np.asarray(said["outputs"][spec.name], spec.dtype)
            for spec in self.signature.outputs
        }

    def to_onnx(self, signature: str, folder: Path) -> tuple[str, ...]:
        """Refused: the archive is what comes out, not what goes in."""
        del signature, folder
        raise ExportRefused("a TorchServe archive is no source; give the model it was made of")

    def to_saved_model(self, folder: Path, preludes: Mapping[str, Prelude]) -> tuple[str, ...]:
        """Refused likewise."""
        del folder, preludes
        raise ExportRefused("a TorchServe archive is no source; give the model it was made of")

    def layers(self, signature: str, inputs: Tensors) -> Iterator[tuple[str, Tensors]]:
        """Nothing: the handler tells outputs only."""
        del signature, inputs
        yield from ()


def load(path: Path, options: Options) -> ArchiveSource:
    """Unpack an archive of ours and load its handler and program.

    Raises:
        ExportRefused: It is not one of ours, or cannot be loaded.
    """
    del options
    folder = Path(tempfile.mkdtemp(prefix="mar-"))
    try:
        with zipfile.ZipFile(path) as archive:
            archive.extractall(folder)
        contract = json.loads((folder / "easel.json").read_text("utf-8"))
        manifest = json.loads((folder / "MAR-INF" / "MANIFEST.json").read_text("utf-8"))
        place = folder / str(manifest["model"]["handler"])
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise ExportRefused(f"{path.name} is no archive of Easel's: {error}") from error
    found = util.spec_from_file_location(f"handler_of_{folder.name}", place)
    assert found is not None
    assert found.loader is not None
    handler = util.module_from_spec(found)
    sys.modules[found.name] = handler  # where dataclasses look for it
    found.loader.exec_module(handler)
    handler.handle(None, _Context({"model_dir": str(folder)}))
    return ArchiveSource(
        handler, folder, Signature(_specs(contract["inputs"]), _specs(contract["outputs"]))
    )


def _specs(specs: list[dict[str, Any]]) -> tuple[TensorSpec, ...]:
    return tuple(TensorSpec(each["name"], each["dtype"], tuple(each["shape"])) for each in specs)
