"""One door to all inspectors: what a source would do when loaded, and whether that is refused.

``inspect`` reads in this process and never raises for what is in a file.  ``check`` is for
the exporter: it does the same in a process of its own, behind the sandbox, because a reader
written in C (HDF5's) may fall over a file that was made for it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from functools import partial
from itertools import islice
from pathlib import Path

from export.inspect.finding import Finding, damaged
from export.inspect.keras_files import inspect_keras
from export.inspect.onnx_file import inspect_onnx
from export.inspect.saved_model import inspect_graph_def, inspect_saved_model
from export.inspect.tflite import inspect_tflite
from export.inspect.torch_files import inspect_torch
from export.kinds import (
    GRAPH_DEF,
    KERAS_2,
    KERAS_2_SAVED_MODEL,
    KERAS_3,
    ONNX,
    SAVED_MODEL,
    TFLITE,
    TORCH_EXPORT,
    TORCH_STATE_DICT,
    TORCHSCRIPT,
)
from export.workshop.sandbox import environment
from model_store.errors import ExportRefused

Inspector = Callable[[Path], Iterator[Finding]]

INSPECTORS: Mapping[str, Inspector] = {
    KERAS_3: inspect_keras,
    KERAS_2: inspect_keras,
    KERAS_2_SAVED_MODEL: inspect_saved_model,
    SAVED_MODEL: inspect_saved_model,
    GRAPH_DEF: inspect_graph_def,
    TFLITE: inspect_tflite,
    TORCH_EXPORT: inspect_torch,
    TORCHSCRIPT: partial(inspect_torch, is_script=True),
    TORCH_STATE_DICT: inspect_torch,
    ONNX: inspect_onnx,
}
_MAX_FINDINGS, _SHOWN = 100, 5
_TIME_LIMIT_S = 300.0
_PACKAGES = Path(__file__).parents[2]
# What the readers of zips, JSON, HDF5 and numbers raise for bytes that are none.
_UNREADABLE = (
    ValueError, KeyError, IndexError, TypeError, AttributeError, OSError, EOFError, RuntimeError,
    OverflowError, MemoryError, ArithmeticError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip


def inspect(path: Path, kind: str) -> tuple[Finding, ...]:
    """What the source at *path* would do, the first hundred things; empty if it only computes.

    A file that cannot be read to the end has a finding that says so.
    """
    found: list[Finding] = []
    try:
        # pickletools warns of escapes in names, which are refused anyway.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found += islice(INSPECTORS[kind](path), _MAX_FINDINGS)
    except _UNREADABLE as error:
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        found.append(damaged(path.name, f"cannot be read: {reason}"))
    return tuple(found)


def check(path: Path, kind: str, *, is_trusted: bool = False) -> tuple[Finding, ...]:
    """Refuse a source that runs code, reads outside, is damaged or too large.

    Args:
        path: The source's file or folder.
        kind: One of ``export.kinds``.
        is_trusted: Whether the author lets it run code of its own; the rest stays refused.

    Returns:
        What was found and allowed, for the report.

    Raises:
        ExportRefused: Names the layer, opcode, node or member, and what to do.
    """
    found = _inspect_apart(path.absolute(), kind)
    refused = [
        finding
        for finding in found
        if finding.is_refused and not (is_trusted and finding.what == "runs code")
    ]
    if refused:
        raise ExportRefused(_tell(path, refused))
    return found


def _tell(path: Path, refused: list[Finding]) -> str:
    wants = {
        "runs code": "wants to run code",
        "reads outside": "reaches for files outside",
        "damaged": "is damaged",
        "too large": "is too large",
    }
    lines = [f"{path} {wants[refused[0].what]}: {refused[0]}"]
    lines += [f"  and {finding.where}: {finding.message}" for finding in refused[1:_SHOWN]]
    if len(refused) > _SHOWN:
        lines.append(f"  and {len(refused) - _SHOWN} more")
    return "\n".join(lines)


def _inspect_apart(path: Path, kind: str) -> tuple[Finding, ...]:
    with tempfile.TemporaryDirectory(prefix="easel-inspect-") as work:
        given = os.environ.get("PYTHONPATH")
        python_path = os.pathsep.join([str(_PACKAGES), *([given] if given else [])])
        try:
            done = subprocess.run(
                [sys.executable, "-m", "export.inspect.apart", kind, path],
                cwd=work,
                env=environment(os.environ, Path(work)) | {"PYTHONPATH": python_path},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_TIME_LIMIT_S,
                check=False,
                start_new_session=True,
            )
        except subprocess.TimeoutExpired:
            return (damaged(path.name, f"cannot be read within {_TIME_LIMIT_S:.0f} s"),)
    if done.returncode != 0:
        return (damaged(path.name, f"the process that reads it ended with {done.returncode}"),)
    return tuple(Finding(**finding) for finding in json.loads(done.stdout))


def encode(findings: tuple[Finding, ...]) -> str:
    """As JSON, for the process that asked."""
    return json.dumps([asdict(finding) for finding in findings])
