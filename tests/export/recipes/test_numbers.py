"""The recipe's parts, without the training."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from export.recipes import numbers
from tests.model_store.pictures import three

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def scans():
    """Light on black, as MNIST has them: ``uint8[3, 28, 28]``; the last is empty but for a dot."""
    threes = [255 - np.asarray(three(page=28, at=at, height=20, pen=3)) for at in ((6, 3), (9, 5))]
    dot = np.zeros((28, 28), np.uint8)
    dot[3, 3] = 255
    return np.stack([*threes, dot])


def test_recipes_can_be_looked_at_without_a_framework():
    names = sorted(path.stem for path in (ROOT / "export" / "recipes").glob("*.py"))
    modules = ", ".join(f"export.recipes.{name}" for name in names if name != "__init__")
    frameworks = "{'keras', 'tf_keras', 'tensorflow', 'torch'}"
    code = f"import sys, {modules}; print({frameworks} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"


def test_scans_go_through_the_contract_and_are_centred(scans):
    seen = numbers.as_scanned(scans)
    assert (seen.dtype, seen.shape) == (np.uint8, (3, 28, 28, 1))
    assert np.array_equal(seen[0], seen[1])


def test_drawings_are_repeatable_and_a_dot_that_thins_away_is_kept_as_scanned(scans):
    drawn = numbers.as_drawn(scans, seed=1)
    assert np.array_equal(drawn, numbers.as_drawn(scans, seed=1))
    assert not np.array_equal(drawn, numbers.as_drawn(scans, seed=2))
    assert drawn.any(axis=(1, 2, 3)).all()


TRAINING_SET = """
import sys
import numpy as np
from export.recipes import mnist, numbers

with np.load(sys.argv[1]) as scans:
    data = numbers.training_set(mnist.Digits(scans["images"], scans["digits"]))
np.savez(sys.argv[2], images=data.images, digits=data.digits)
"""


def test_the_training_set_is_each_digit_as_scanned_and_then_as_drawn(scans, tmp_path):
    np.savez(tmp_path / "scans.npz", images=scans, digits=np.array([3, 3, 1], np.uint8))
    # In a process of its own: it forks, and this one may have a framework's threads.
    subprocess.run(
        [sys.executable, "-c", TRAINING_SET, tmp_path / "scans.npz", tmp_path / "data.npz"],
        cwd=ROOT, check=True, timeout=100,
    )  # fmt: skip
    with np.load(tmp_path / "data.npz") as data:
        assert data["images"].shape == (12, 28, 28, 1)
        assert data["digits"].tolist() == [3, 3, 1] * 4
        assert np.array_equal(data["images"][:3], numbers.as_scanned(scans))


def test_the_network_takes_what_the_contract_gives_and_scores_ten_digits(keras, scans):
    model = numbers.build_model()
    assert model.input_shape[1:] == numbers.CONTRACT.shape
    assert model.output_shape == (None, 10)
    share = numbers.accuracy(model, numbers.as_scanned(scans), np.array([3, 3, 1], np.uint8))
    assert 0.0 <= share <= 1.0


def test_the_bundled_version_was_made_from_the_bundled_source():
    manifest = json.loads(
        (ROOT / "model_store" / "models" / "numbers" / "1" / "manifest.json").read_text()
    )
    source = (ROOT / "export" / "recipes" / "numbers.keras").read_bytes()
    assert manifest["source"]["sha256"] == hashlib.sha256(source).hexdigest()
