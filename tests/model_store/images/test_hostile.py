"""Pictures that mean harm are refused, or shown without what is harmful in them, at no cost."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from benchmarks.hostile import PICTURES
from model_store.contract import ImageContract
from model_store.preprocess import to_tensor

MAX_MB = 64
# The harm is in what is not needed: it is left out and the picture is shown.
SHOWN = {
    "PNG, packed texts of 1 MB each",
    "PNG, world texts behind the pixels",
    "PNG, thousands of colour profiles",
    "PNG, EXIF that names 3 MB 60,000 times",
    "JPEG, EXIF that names 3 MB 60,000 times",
    "JPEG, 10 MB of nothing before its frame",
}


@pytest.fixture(scope="module")
def costs() -> dict[str, dict[str, object]]:
    """What each costs in a process where the peak of memory is its own."""
    command = [sys.executable, "-m", "benchmarks.hostile", "--json"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return {cost["picture"]: cost for cost in map(json.loads, lines)}


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_that_means_harm_costs_little_memory_until_it_is_refused(costs, name):
    cost = costs[name]
    assert cost["mb"] < MAX_MB
    refused = "BadImage", "ImageTooLarge"
    assert cost["answer"].startswith("tensor (1, 224" if name in SHOWN else refused)


@pytest.mark.parametrize("name", sorted(SHOWN))
def test_what_is_shown_is_the_picture(name):
    assert (to_tensor(PICTURES[name](), ImageContract("image", (8, 8))) == 0).all()
