"""Whoever is killed, at whichever step: the store is whole, and the next one goes on."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support import ROOT


@pytest.mark.parametrize(
    ("what", "least"), [("publishing", 60), ("promoting", 60), ("collecting", 60)]
)
def test_a_kill_at_any_step_leaves_the_store_whole(tmp_path, what, least):
    done = subprocess.run(
        [sys.executable, "-m", "tests.model_store.killing", what, str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=170,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > least, "it was killed at too few steps to prove anything"
