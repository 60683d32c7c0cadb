"""A Teachable Machine file, from the folder it was saved in to a label over HTTP: two commands."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from export.recipes import classifier, doodles
from tests.e2e.pages import serving
from tests.e2e.test_up import post
from tests.support import ROOT

HELD_OUT = ROOT / "tests" / "export" / "recipes" / "held_out.npz"
# The adapter's service asks for the model of this name.
NAME = "doodles"


def run(*arguments: str) -> str:
    """One ``easel`` command in an author's environment, which has the framework; its output."""
    done = subprocess.run(
        [sys.executable, "-m", "easel.cli", *arguments],
        capture_output=True, text=True, timeout=150, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Filled by one export and one promotion; nothing is said of pictures or of labels."""
    store = tmp_path_factory.mktemp("store")
    run("export", str(classifier.TRAINED), "--name", NAME, "--store", str(store))
    said = run("promote", NAME, "1", "--store", str(store))
    assert "stable of doodles is version 1 now" in said
    return store


@pytest.fixture(scope="module")
def address(store: Path) -> Iterator[str]:
    with serving(store) as address:
        yield address


def as_url(page: Image.Image) -> str:
    buffer = io.BytesIO()
    page.save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def test_what_was_published_says_how_it_takes_pictures_and_what_it_knows(store: Path):
    folder = store / NAME / "1"
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["input_contract"]["size"] == [224, 224]
    assert manifest["input_contract"]["fit"] == "crop"
    assert (folder / "labels.txt").read_text().splitlines() == list(classifier.CLASSES)
    assert json.loads((folder / "parity.json").read_text())["passed"] is True
    assert "<html" in (folder / "parity.html").read_text()


def test_drawings_that_it_has_never_seen_come_back_with_their_names(address: str):
    with np.load(HELD_OUT) as drawings:
        images = drawings["images"][:, 0]
    labels = []
    for image in images:
        body = {"base64_drawing": as_url(doodles.as_page(image))}
        status, answer, _ = post(f"{address}api/models/{NAME}?top_k=24", body)
        assert status == 200, answer
        assert len(answer["predictions"]) == len(classifier.CLASSES)  # type: ignore[arg-type]
        labels.append(answer["label"])
    right = [label == name for label, name in zip(labels, classifier.CLASSES, strict=True)]
    assert np.mean(right) >= 0.85, dict(zip(classifier.CLASSES, labels, strict=True))
