"""The tagging recipe without its packages: what is read, and how answers are counted."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image

from export.recipes import tagging
from export.recipes.animals import Photograph
from model_store.contract import from_json, to_json
from model_store.errors import ExportRefused


def archive(names: object) -> zipfile.ZipFile:
    packed = zipfile.ZipFile(io.BytesIO(), "w")
    packed.writestr(tagging.CLASS_NAMES, json.dumps(names))
    return packed


def test_a_thousand_names_are_read_and_no_other_number():
    names = [f"class {number}" for number in range(1000)]
    assert tagging.class_names(archive(names)) == names
    for wrong in (names[:999], {"0": "tench"}):
        with pytest.raises(ExportRefused, match="does not hold a thousand names"):
            tagging.class_names(archive(wrong))


def test_the_contract_survives_its_file_and_cuts_as_the_networks_author_did():
    assert from_json(json.loads(json.dumps(to_json(tagging.CONTRACT)))) == tagging.CONTRACT
    assert (tagging.CONTRACT.short_side_px, tagging.CONTRACT.size) == (256, (224, 224))


def photograph(name: str, grey: int, accepted: tuple[int, ...]) -> Photograph:
    buffer = io.BytesIO()
    Image.new("RGB", (300, 260), (grey, grey, grey)).save(buffer, "PNG")
    return Photograph(name, buffer.getvalue(), accepted)


@dataclass
class ByGrey:
    """Scores fall with the distance of a class's number from the picture's grey."""

    contract = tagging.CONTRACT

    def __call__(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        return {"scores": -np.abs(np.arange(1000.0) - pixels.mean() - 0.1)[np.newaxis]}


def test_the_best_and_the_five_best_answers_are_counted_where_one_can_be_right():
    photographs = [
        photograph("first", 100, (7, 100)),
        photograph("among five", 100, (102,)),
        photograph("wrong", 100, (103,)),
        photograph("no class", 100, ()),
    ]
    assert tagging.measure(ByGrey(), photographs) == (
        "top-1 33.3 %, top-5 66.7 % of 3 photographs of animals; 1 more are of animals without a class"
    )
