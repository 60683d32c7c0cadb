"""TorchServe archives: the official archiver, called with a program, its contract and our handler.

The archive's version is the version's number in the store.  Archives lie in a folder beside
the store, where ``torchserve --model-store`` finds them all; nothing in them is the
author's code.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from export.kinds import Kind
from export.sources.source import Prelude
from model_store.errors import ExportRefused
from model_store.spec import ModelVersion, Signature, TensorSpec

# For proving an archive equal to its source, called as TorchServe would.
ARCHIVE = Kind("TorchServe archive", "export.sources.mar_archive", "torch")
ARCHIVES_FOLDER = "torchserve"
CONTRACT_FILE = "easel.json"
_HANDLER = Path(__file__).with_name("mar_handler.py")
_LIMIT_S = 600


@dataclass(frozen=True, slots=True)
class Archive:
    """What an archive is made of.

    Attributes:
        model: The name and version that TorchServe will know it by.
        program: ``model.pt2`` or ``model.pt``, as a source's ``to_program`` wrote it.
        wire: What callers send and get.
        source: What the program itself takes and gives.
        prelude: What stands between the two; None where they are the same.
        labels: Class names, for those who read the contract; may be empty.
    """

    model: ModelVersion
    program: Path
    wire: Signature
    source: Signature
    prelude: Prelude | None = None
    labels: Sequence[str] = ()


def archive_path(store: Path, model: ModelVersion) -> Path:
    """Where a version's archive lies: in ``torchserve/`` beside the store's folder."""
    return store.parent / ARCHIVES_FOLDER / f"{model.name}-{model.number}.mar"


def write_archive(archive: Archive, target: Path, python: str = sys.executable) -> None:
    """Make *target* with the official archiver; it appears by one rename.

    Args:
        archive: What goes in.
        target: Where the ``.mar`` file is to be.
        python: An interpreter that has ``torch-model-archiver``.

    Raises:
        ExportRefused: The archiver is not installed, or refuses.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    # On the target's disk, so that the rename is one; and a folder of the archiver's own,
    # because it empties the folder of the model's name in the one for temporary files.
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".mar-") as scratch:
        folder = Path(scratch)
        (folder / CONTRACT_FILE).write_text(json.dumps(contract_of(archive), indent=2) + "\n")
        (folder / "temporary").mkdir()
        _run_archiver(archive, folder, python)
        (folder / f"{archive.model.name}.mar").replace(target)


def _run_archiver(archive: Archive, folder: Path, python: str) -> None:
    command = [
        python, "-m", "model_archiver.model_packaging",
        "--model-name", archive.model.name, "--version", str(archive.model.number),
        "--serialized-file", str(archive.program.resolve()), "--handler", str(_HANDLER),
        "--extra-files", str(folder / CONTRACT_FILE), "--export-path", str(folder),
        "--archive-format", "zip-store",
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command, capture_output=True, check=False, cwd=folder, timeout=_LIMIT_S, text=True,
            env={**os.environ, "TMPDIR": str(folder / "temporary")},
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ExportRefused(f"TorchServe's archiver cannot be run: {error}") from error
    if "ModuleNotFoundError" in done.stderr:
        raise ExportRefused(
            "torch-model-archiver is not installed; run: pip install 'easel[export-torch]'"
        )
    if done.returncode or not (folder / f"{archive.model.name}.mar").is_file():
        last = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
        raise ExportRefused(f"TorchServe's archiver refuses: {last}")


def contract_of(archive: Archive) -> dict[str, Any]:
    """The object for ``easel.json``, which the handler reads."""
    return {
        "model": archive.model.name,
        "version": archive.model.number,
        "program": archive.program.name,
        "inputs": _specs(archive.wire.inputs),
        "outputs": _specs(archive.wire.outputs),
        "source_inputs": _specs(archive.source.inputs),
        "prelude": asdict(archive.prelude) if archive.prelude else None,
        "may_join": archive.wire.may_join,
        "labels": list(archive.labels),
    }


def _specs(specs: Sequence[TensorSpec]) -> list[dict[str, Any]]:
    """Refuse what JSON numbers cannot say."""
    for spec in specs:
        if spec.dtype in ("bfloat16", "bytes") or spec.shape is None:
            raise ExportRefused(f"{spec} cannot be sent to TorchServe as JSON")
    return [asdict(spec) for spec in specs]
