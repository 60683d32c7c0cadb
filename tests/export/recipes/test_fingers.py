"""The fingers recipe without its package."""

from __future__ import annotations

import zipfile

import pytest

from export.recipes import fingers
from model_store.errors import ExportRefused


def test_there_are_drawn_hands_from_none_to_five_and_photographs_of_open_ones():
    found = list(fingers.pictures())
    drawn = [count for name, count, _ in found if name.startswith("drawn")]
    assert drawn == [0, 1, 2, 3, 4, 5]
    photographs = [count for name, count, _ in found if name.startswith("photo")]
    assert photographs == [5] * 7
    assert {picture.mode for _, _, picture in found} == {"RGB"}


def test_a_wheel_without_the_network_or_with_another_one_is_refused(tmp_path):
    wheel = tmp_path / "some.whl"
    wheel.write_bytes(b"no archive")
    with pytest.raises(ExportRefused, match=r"some\.whl has no mediapipe/"):
        fingers.read_network(wheel)
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("else", "")
    with pytest.raises(ExportRefused, match=r"some\.whl has no mediapipe/"):
        fingers.read_network(wheel)
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(fingers.MEMBER, "another network")
    with pytest.raises(ExportRefused, match="is not the one that this recipe was made with"):
        fingers.read_network(wheel)
