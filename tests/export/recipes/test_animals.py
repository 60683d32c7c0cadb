"""The labelled photographs: each has classes that are right, or is said to have none."""

from __future__ import annotations

from export.recipes import animals
from tests.export.recipes.archives import deb, rcc


def test_photographs_are_read_with_what_is_right_for_them(tmp_path):
    folder = "usr/share/gcompris-qt/rcc"
    collections = {
        "explore_farm_animals": {"/a/cat.webp": b"c", "/a/cat.svg": b"s", "/a/README": b"r"},
        "explore_world_animals": {"/a/giraffe.webp": b"g"},
        "erase": {"/bee.webp": b"b", "/eraser1.wav": b"w"},
    }
    package = tmp_path / "p.deb"
    package.write_bytes(deb({f"{folder}/{n}.rcc": rcc(files) for n, files in collections.items()}))
    assert animals.load(package) == (
        animals.Photograph("cat", b"c", (281, 282, 283, 284, 285)),
        animals.Photograph("giraffe", b"g", ()),
        animals.Photograph("bee", b"b", (309,)),
    )


def test_a_name_has_classes_or_is_said_to_have_none():
    assert animals.ACCEPTED.keys().isdisjoint(animals.WITHOUT_A_CLASS)
    assert all(0 <= c < 1000 for accepted in animals.ACCEPTED.values() for c in accepted)
    assert all(animals.ACCEPTED.values())
