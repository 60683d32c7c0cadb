"""Class names that lie beside a model: Teachable Machine writes them into ``labels.txt``."""

from __future__ import annotations

from pathlib import Path

from export.request import read_labels
from model_store.errors import ExportRefused
from model_store.spec import Signature

LABELS_FILE = "labels.txt"


def files_beside(path: Path) -> tuple[Path, ...]:
    """What may be read besides the source itself; no link, which could lead anywhere."""
    file = path.parent / LABELS_FILE
    return (file,) if file.is_file() and not file.is_symlink() else ()


def labels_beside(path: Path, signature: Signature) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The class names in ``labels.txt`` beside *path*, if they fit an output of *signature*.

    Returns:
        The names and notes for people; both empty if there is no such file.
    """
    files = files_beside(path)
    if not files:
        return (), ()
    try:
        labels = read_labels(files[0])
    except ExportRefused as error:
        return (), (f"{LABELS_FILE} beside it was not used: {error}",)
    widths = {spec.shape[-1] for spec in signature.outputs if spec.shape}
    if len(labels) not in widths:
        lines = f"it has {len(labels)} lines, and no output of the model has as many scores"
        return (), (f"{LABELS_FILE} beside it was not used: {lines}",)
    return labels, (f"{LABELS_FILE} beside it has {len(labels)} class labels; --labels would win",)
