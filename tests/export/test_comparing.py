"""The adapter's pixels held against the author's own, through the exporter."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from export.comparing import compared_pixels
from export.flags import make_parser
from export.request import ExportRequest, read_request
from export.wire import make_wire
from model_store.errors import ExportRefused
from model_store.preprocess import to_tensor
from model_store.spec import Signature, TensorSpec

OWN = Signature(
    (TensorSpec("x", "float32", (None, 16, 16, 3)),), (TensorSpec("y", "float32", (None, 3)),)
)


class MeanColour:
    """A source that scores the three channels by their means."""

    def run(self, signature, inputs):
        return {"y": inputs["x"].mean(axis=(1, 2))}


@pytest.fixture
def pictures(tmp_path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    noise = np.random.default_rng(1).integers(0, 256, (40, 60, 3), np.uint8)
    Image.fromarray(noise).save(folder / "noise.png")
    Image.new("RGB", (30, 30), (255, 0, 0)).save(folder / "red.png")
    return folder


def asked(pictures: Path, *arguments: str) -> ExportRequest:
    given = ["m.h5", "--name", "m", "--samples", str(pictures), "--size", "16", *arguments]
    return read_request(make_parser().parse_args(given))


def compared(request: ExportRequest) -> tuple[str, ...]:
    wire = make_wire(OWN, "serving_default", request.contract, request.scaling)
    return compared_pixels(request, wire, MeanColour())  # type: ignore[arg-type]


def test_a_preset_is_held_against_the_code_that_it_follows(pictures):
    assert compared(asked(pictures, "--preset", "teachable-machine")) == (
        "preprocessing: the same pixels as teachable-machine on 2 pictures",
    )


def test_another_filter_is_told_with_what_it_does_to_the_answers(pictures):
    (told,) = compared(asked(pictures, "--preset", "teachable-machine", "--resize", "nearest"))
    assert "of the values differ from teachable-machine" in told
    assert "(noise.png most); the same answer for 100.0%" in told


def test_the_authors_arrays_are_compared(pictures, tmp_path):
    request = asked(pictures, "--scale", "1/255")
    assert request.contract is not None
    contract = request.contract
    arrays = {
        path.stem: to_tensor(path.read_bytes(), contract)[0] / np.float32(255)
        for path in pictures.iterdir()
    }
    np.savez(tmp_path / "own.npz", **arrays)
    own = replace(request, reference=str(tmp_path / "own.npz"))
    assert "the same pixels as arrays in own.npz" in compared(own)[0]


def test_the_authors_function_needs_trust(pictures):
    with pytest.raises(ExportRefused, match=r"is code of yours that would be run; add --trust"):
        compared(asked(pictures, "--reference", "mine:prepare"))


def test_an_unknown_reference_is_refused_with_what_there_is(pictures):
    with pytest.raises(ExportRefused, match=r"--reference nope: .*teachable-machine"):
        compared(asked(pictures, "--reference", "nope"))


def test_nothing_is_told_without_a_reference(pictures):
    assert compared(asked(pictures)) == ()


def test_a_comparison_that_needs_pictures_says_so(tmp_path):
    (told,) = compared(asked(tmp_path / "a.npz", "--preset", "teachable-machine"))
    assert told == "preprocessing: not compared with teachable-machine; give --samples FOLDER"
