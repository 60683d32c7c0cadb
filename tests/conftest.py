"""Fixtures that every test may use."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.support import BUNDLED_STORE, RunningServer, running_server

# A shell that starts this run in the background lets it ignore Ctrl-C, and so would the
# processes that the tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

# A busy machine is slow, not wrong; and no run may depend on the last one.
settings.register_profile("easel", deadline=None, database=None)
settings.load_profile("easel")


@pytest.fixture(scope="session")
def numbers_server() -> Iterator[RunningServer]:
    """The bundled store, served for real."""
    with running_server(BUNDLED_STORE) as server:
        yield server


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one mebibyte."""
    place = tmp_path / "small"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    if os.geteuid() or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("only root, where it may, can mount a disk that is small enough to fill")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """In CI nothing may be skipped: a skip there hides a missing install step."""
    if report.skipped and os.environ.get("EASEL_FORBID_SKIPS"):
        report.outcome = "failed"
