"""Debian packages and Qt resources: read as they were packed, refused when damaged."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from export.recipes.resources import read_deb, read_rcc
from model_store.errors import ExportRefused
from tests.export.recipes.archives import deb, rcc

FILES = {"/a/README": b"read me", "/a/b/one.webp": b"\x00" * 500, "/two.webp": b""}
# A folder and a file of one name cannot both be; files have an ending here.
_FOLDERS = st.lists(st.text("abc", min_size=1, max_size=3), max_size=3)
_PATHS = st.builds(
    lambda folders, name: "/" + "/".join([*folders, f"{name}.x"]),
    _FOLDERS,
    st.text("abcé한", min_size=1, max_size=4),
)


@given(st.dictionaries(_PATHS, st.binary(max_size=50), max_size=6), st.booleans())
def test_resources_are_read_as_they_were_packed(files, compress):
    assert read_rcc(rcc(files, compress=compress)) == files


@given(st.binary(max_size=300))
def test_other_bytes_are_no_resources(content):
    with pytest.raises(ExportRefused, match="no Qt resources"):
        read_rcc(content)


@given(st.data())
def test_damaged_resources_are_read_or_refused_and_nothing_else(data):
    content = bytearray(rcc(FILES))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)))
    try:
        found = read_rcc(bytes(content[:cut] if data.draw(st.booleans()) else content))
    except ExportRefused:
        return
    assert all(isinstance(value, bytes) for value in found.values())


def test_a_folder_that_holds_itself_is_refused():
    content = bytearray(rcc({"/a/b.x": b"1"}))
    tree = struct.unpack_from(">I", content, 8)[0]
    struct.pack_into(">I", content, tree + 22 + 10, 1)  # the folder's first file is the folder
    with pytest.raises(ExportRefused, match="do not make a tree"):
        read_rcc(bytes(content))


def test_zstandard_data_is_refused():
    content = bytearray(rcc({"/b.x": b"1"}))
    tree = struct.unpack_from(">I", content, 8)[0]
    struct.pack_into(">H", content, tree + 22 + 4, 4)
    with pytest.raises(ExportRefused, match="compressed as this cannot read"):
        read_rcc(bytes(content))


def test_a_debian_packages_files_are_read_by_name(tmp_path):
    path = tmp_path / "p.deb"
    path.write_bytes(deb({"usr/share/one": b"1", "usr/share/two": b"2"}))
    assert read_deb(path, ("usr/share/two",)) == {"usr/share/two": b"2"}
    with pytest.raises(ExportRefused, match=r"p\.deb has no usr/share/three"):
        read_deb(path, ("usr/share/one", "usr/share/three"))


@given(st.data())
def test_a_damaged_package_is_read_or_refused_and_nothing_else(tmp_path_factory, data):
    content = bytearray(deb({"one": b"1"}))
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    path = tmp_path_factory.mktemp("deb") / "p.deb"
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        assert set(read_deb(path, ("one",))) == {"one"}
    except ExportRefused as error:
        assert "p.deb" in str(error)
