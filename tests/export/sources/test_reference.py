"""An author's own preprocessing: run apart, only if trusted, and its arrays come back."""

from __future__ import annotations

import numpy as np
import pytest

from export.kinds import Kind
from export.sources import reference
from export.sources.source import Options
from export.workshop.client import Environment, held_source
from model_store.errors import ExportRefused
from tests.model_store.pictures import photo

KIND = Kind("the author's reference", "export.sources.reference", "onnx")
HALVED = "tests.export.sources.preprocessing:halved"


def options(module, *pictures, is_trusted=True):
    return Options(inputs=pictures, module=module, is_trusted=is_trusted)


def test_its_arrays_come_out_of_its_process_by_the_pictures_names(tmp_path):
    photo(8, 9).save(tmp_path / "a photo.png")
    given = options(HALVED, "a photo.png")
    with held_source(KIND, tmp_path, given, Environment()) as source:
        assert source.describe().route == HALVED
        made = source.run("", {})
    assert np.array_equal(made["a photo.png"][0], np.asarray(photo(8, 9), np.float32) / 2)


def test_untrusted_code_is_not_even_imported(tmp_path):
    with pytest.raises(ExportRefused, match="absent:function is code of yours.*add --trust"):
        reference.load(tmp_path, options("absent:function", is_trusted=False))


@pytest.mark.parametrize(
    ("module", "says"),
    [
        ("absent_package.module:function", "No module named 'absent_package'; name its folder in"),
        ("tests.export.sources.preprocessing:absent", "has no attribute 'absent'"),
        ("tests.export.sources.preprocessing", "write package.module:function"),
        ("tests.export.sources.preprocessing:", "write package.module:function"),
    ],
)
def test_what_cannot_be_found_is_refused(tmp_path, module, says):
    with pytest.raises(ExportRefused, match=says):
        reference.load(tmp_path, options(module))


def test_what_gives_no_numbers_is_refused(tmp_path):
    source = reference.load(tmp_path, options("tests.export.sources.preprocessing:wordy", "a.png"))
    with pytest.raises(ExportRefused, match="gives <U.*, not numbers"):
        source.run("", {})


def test_it_is_no_model(tmp_path):
    source = reference.load(tmp_path, options(HALVED))
    assert list(source.layers("", {})) == []
    for convert in (
        lambda: source.to_onnx("", tmp_path),
        lambda: source.to_saved_model(tmp_path, {}),
    ):
        with pytest.raises(ExportRefused, match="no model"):
            convert()
