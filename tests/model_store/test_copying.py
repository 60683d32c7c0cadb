"""Names of a version's files, whoever wrote them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_store.copying import check_names
from model_store.errors import BadVersion

PARTS = st.lists(st.sampled_from(["..", ".", "", "a", "b.onnx", "c\\d", "\0", "manifest.json"]))


@given(st.lists(PARTS.map("/".join), max_size=4))
def test_names_that_pass_stay_inside_and_apart(names):
    try:
        check_names(names)
    except BadVersion:
        return
    folder = Path("/version")
    for name in names:
        place = Path(folder / name)
        assert place.is_relative_to(folder)
        assert ".." not in place.parts
        assert place != folder
        assert not any(place in (folder / other).parents for other in names)


def test_files_in_folders_pass():
    check_names(["model.onnx", "variables/variables.index", "assets/a b.txt"])


def test_a_file_below_a_file_is_refused():
    with pytest.raises(BadVersion, match="below a file"):
        check_names(["a", "a/b"])
