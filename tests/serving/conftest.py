"""SavedModels for the tests of the server."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ROOT


@pytest.fixture(scope="session")
def saved_models(tmp_path_factory) -> Path:
    """A folder of SavedModels: many, echo, python."""
    folder = tmp_path_factory.mktemp("saved_models")
    command = [sys.executable, "-m", "tests.serving.engine.saved_models", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    return folder
