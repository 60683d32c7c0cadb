"""The client's environments, and running a script in one."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.support import ROOT

HERE = Path(__file__).parent


def run_in(environment: str, script: str, *arguments: str, text: str | None = None) -> str:
    """Run one of the scripts beside this file in a client's environment; what it prints."""
    variable = f"EASEL_{environment.upper()}_PYTHON"
    default = ROOT / f".venv-{environment}-client" / "bin" / "python"
    python = os.environ.get(variable, str(default))
    if not Path(python).exists():
        pytest.skip(f"no environment for the {environment} client; `make environments` makes it")
    done = subprocess.run(
        [python, str(HERE / script), *arguments],
        input=text, capture_output=True, text=True, timeout=170, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout
