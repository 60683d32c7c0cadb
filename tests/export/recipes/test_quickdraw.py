"""Quick, Draw! out of its package, from archives of a few drawings."""

from __future__ import annotations

import gzip
import io
import json
import tarfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from export.recipes import quickdraw
from model_store.errors import ExportRefused


def packed(images: np.ndarray) -> bytes:
    rows = (images.reshape(len(images), -1) / 255).round(4).tolist()
    return gzip.compress("\n".join(json.dumps(row) for row in rows).encode() + b"\n\n")


@pytest.fixture
def package(tmp_path):
    """Writes an archive with these members of the package's drawings."""

    def write(**members: bytes):
        path = tmp_path / "package.tgz"
        with tarfile.open(path, "w:gz") as archive:
            readme = tarfile.TarInfo("package/README.md")
            archive.addfile(readme)
            for name, content in members.items():
                info = tarfile.TarInfo(f"package/src/drawings/{name}.ndjson.gz")
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
        return path

    return write


def drawings(seed: int, count: int = 2) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 28, 28), dtype=np.uint8)


def test_classes_are_read_in_alphabetical_order_with_their_drawings(package):
    found = quickdraw.load(package(dog=packed(drawings(1)), cat=packed(drawings(2))))
    assert found.names == ("cat", "dog")
    assert found.images.dtype == np.uint8
    assert np.array_equal(found.images, np.stack([drawings(2), drawings(1)]))


def test_of_takes_classes_in_the_order_asked_for():
    all_of_them = quickdraw.Drawings(("a", "b", "c"), np.stack([drawings(i) for i in range(3)]))
    two = all_of_them.of(("c", "a"))
    assert two.names == ("c", "a")
    assert np.array_equal(two.images, np.stack([drawings(2), drawings(0)]))


def test_an_archive_with_unequal_classes_or_none_is_refused(package):
    with pytest.raises(ExportRefused, match=r"has \[1, 2\] drawings a class"):
        quickdraw.load(package(dog=packed(drawings(1)), cat=packed(drawings(2, 1))))
    with pytest.raises(ExportRefused, match=r"has \[\] drawings a class"):
        quickdraw.load(package())


@given(arrays.arrays(np.uint8, st.tuples(st.integers(1, 3), st.just(28), st.just(28))))
def test_what_was_packed_is_what_is_read(images):
    assert np.array_equal(quickdraw.read(packed(images), "x"), images)


@given(
    st.binary(max_size=200) | st.text(max_size=80).map(lambda text: gzip.compress(text.encode()))
)
def test_anything_else_is_refused(content):
    with pytest.raises(ExportRefused, match="x holds no drawings"):
        quickdraw.read(content, "x")


@pytest.mark.parametrize("value", ["NaN", "1.5", "-0.1", "Infinity"])
def test_numbers_that_are_no_share_of_ink_are_refused(value):
    line = f"[{','.join(['0'] * 783 + [value])}]"
    with pytest.raises(ExportRefused, match="not from 0 to 1"):
        quickdraw.read(gzip.compress(line.encode()), "x")


def test_a_fifth_of_each_class_is_held_out_and_always_the_same():
    numbered = np.zeros((2, 100, 28, 28), np.uint8)
    numbered[:, :, 0, 0] = np.arange(100)
    rest, held = quickdraw.split(quickdraw.Drawings(("a", "b"), numbered))
    assert (rest.images.shape[1], held.images.shape[1]) == (80, 20)
    for which in range(2):
        parts = (set(rest.images[which, :, 0, 0]), set(held.images[which, :, 0, 0]))
        assert parts[0].isdisjoint(parts[1])
        assert parts[0] | parts[1] == set(range(100))
    again = quickdraw.split(quickdraw.Drawings(("a", "b"), numbered))[1]
    assert np.array_equal(held.images, again.images)
    assert not np.array_equal(held.images[0], held.images[1])
