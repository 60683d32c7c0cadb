"""The client's environments, and running a script in one."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.support import ROOT

HERE = Path(__file__).parent


def run_in(environment: str, script: str, *arguments: str, text: str | None = None) -> str:
    """Run one of the scripts in ``clients/`` in a client's environment; what it prints."""
    done = subprocess.run(
        [python_of(environment), str(HERE / "clients" / script), *arguments],
        input=text, capture_output=True, text=True, timeout=170, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def python_of(environment: str) -> str:
    """The Python of a client's environment; without one the test is skipped."""
    variable = f"EASEL_{environment.upper()}_PYTHON"
    default = ROOT / f".venv-{environment}-client" / "bin" / "python"
    python = os.environ.get(variable, str(default))
    if not Path(python).exists():
        pytest.skip(f"no environment for the {environment} client; `make environments` makes it")
    return python


def version_in(environment: str, distribution: str) -> str:
    """The version of a distribution that is installed in a client's environment."""
    code = f"from importlib.metadata import version; print(version({distribution!r}))"
    done = subprocess.run(
        [python_of(environment), "-c", code], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()
