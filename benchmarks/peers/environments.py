"""Each peer's own virtual environment, made when it is first needed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.processes import ROOT, BenchError

_HERE = Path(__file__).parent
_INSTALL_S = 900


def ensure(name: str) -> Path:
    """The Python of ``.venv-peer-NAME``, which holds what ``NAME/requirements.txt`` asks for.

    Raises:
        BenchError: It cannot be installed here; says why.
    """
    folder = ROOT / f".venv-peer-{name}"
    python, marker = folder / "bin" / "python", folder / ".installed"
    file = _HERE / name / "requirements.txt"
    wanted = file.read_text()
    if marker.is_file() and marker.read_text() == wanted:
        return python
    print(f"  installing {name} into {folder.name} ...", file=sys.stderr, flush=True)
    _run([sys.executable, "-m", "venv", "--clear", str(folder)], name)
    _run([
        str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
        "-r", str(file),
    ], name)  # fmt: skip
    marker.write_text(wanted)
    return python


def _run(words: list[str], name: str) -> None:
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, check=False, timeout=_INSTALL_S
        )
    except subprocess.TimeoutExpired as error:
        raise BenchError(f"{name}: the installation did not end") from error
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        reason = lines[-1] if lines else done.stderr[-300:]
        raise BenchError(f"{name} cannot be installed: {reason[:300]}")
