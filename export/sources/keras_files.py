"""What both Keras loaders do with a file before and after one of them has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import h5py

from export.sources.keras_model import KerasModel
from export.sources.source import Options
from model_store.errors import ExportRefused


def load_by_either(path: Path, options: Options, modules: Sequence[str]) -> KerasModel:
    """Load with the first module, or with the second if that fails.

    Args:
        path: The file.
        options: What the author says beside it.
        modules: Each has an ``open_model``; the second is imported only if it is needed.

    Raises:
        ExportRefused: Neither can; what the first said.
    """
    first, second = modules
    try:
        return _open(first, path, options)
    except ExportRefused as error:
        if "--trust" in str(error):
            raise
        try:
            model = _open(second, path, options)
        except (ExportRefused, ImportError):
            raise error from None
        note = f"it was loaded the other way, because: {error}"
        described = replace(model.description, notes=(*model.description.notes, note))
        return replace(model, description=described)


def _open(module: str, path: Path, options: Options) -> KerasModel:
    opened: KerasModel = import_module(module).open_model(path, options)
    return opened


def refuse_weights_alone(path: Path) -> None:
    """Raise ExportRefused for an HDF5 file without a model in it; says what to do."""
    if not path.is_file() or not h5py.is_hdf5(path):
        return
    with h5py.File(path, "r") as file:
        if "model_config" not in file.attrs:
            raise ExportRefused(
                f"{path.name} holds weights only; build the model, load them with "
                "model.load_weights(), and save it whole with model.save('model.keras')"
            )
