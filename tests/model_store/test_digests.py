"""Digests: a version whose files are not those that were published is refused."""

from __future__ import annotations

import hashlib
import os

import pytest

from model_store.digests import digest_file, digest_folder, verify_folder
from model_store.errors import BadVersion
from model_store.manifest import FileDigest


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "numbers" / "1"
    (folder / "assets").mkdir(parents=True)
    (folder / "model.onnx").write_bytes(b"graph")
    (folder / "assets" / "words.txt").write_bytes(b"")
    (folder / "manifest.json").write_bytes(b"{}")
    return folder


def assert_refused(folder, files, reason):
    with pytest.raises(BadVersion, match=reason) as caught:
        verify_folder(folder, files)
    assert str(folder) in str(caught.value)


def test_a_digest_is_sha256_and_the_length(folder):
    want = FileDigest(hashlib.sha256(b"graph").hexdigest(), 5)
    assert digest_file(folder / "model.onnx") == want


def test_every_file_but_the_manifest_is_digested_by_its_posix_path(folder):
    assert list(digest_folder(folder)) == ["assets/words.txt", "model.onnx"]


def test_a_manifest_further_down_is_a_file_like_any_other(folder):
    (folder / "assets" / "manifest.json").write_bytes(b"{}")
    assert "assets/manifest.json" in digest_folder(folder)


def test_untouched_files_pass(folder):
    verify_folder(folder, digest_folder(folder))


def test_a_folder_may_be_reached_through_a_link(folder, tmp_path):
    (tmp_path / "store").symlink_to(folder.parent)
    verify_folder(tmp_path / "store" / "1", digest_folder(folder))


@pytest.mark.parametrize("content", [b"grapH", b"graph.", b""])
def test_an_altered_file_is_refused(folder, content):
    files = digest_folder(folder)
    (folder / "model.onnx").write_bytes(content)
    assert_refused(folder, files, "model.onnx was altered")


def test_a_missing_file_is_refused(folder):
    files = digest_folder(folder)
    (folder / "model.onnx").unlink()
    assert_refused(folder, files, "model.onnx is missing")


def test_a_folder_in_the_place_of_a_file_is_refused(folder):
    files = digest_folder(folder)
    (folder / "model.onnx").unlink()
    (folder / "model.onnx").mkdir()
    assert_refused(folder, files, "model.onnx is missing")


def test_a_hard_linked_file_is_refused(folder, tmp_path):
    files = digest_folder(folder)
    os.link(folder / "model.onnx", tmp_path / "also.onnx")
    assert_refused(folder, files, "model.onnx is hard-linked")


def test_a_link_is_refused_even_to_the_same_content(folder, tmp_path):
    files = digest_folder(folder)
    (folder / "model.onnx").rename(tmp_path / "outside.onnx")
    (folder / "model.onnx").symlink_to(tmp_path / "outside.onnx")
    assert_refused(folder, files, "model.onnx is a symbolic link")


def test_a_link_to_nothing_and_a_link_to_itself_are_refused(folder):
    files = digest_folder(folder)
    for target in ("nowhere", "model.onnx"):
        (folder / "model.onnx").unlink()
        (folder / "model.onnx").symlink_to(target)
        assert_refused(folder, files, "model.onnx is a symbolic link")


def test_a_linked_folder_on_the_way_is_refused(folder, tmp_path):
    files = digest_folder(folder)
    (folder / "assets").rename(tmp_path / "elsewhere")
    (folder / "assets").symlink_to(tmp_path / "elsewhere")
    assert_refused(folder, files, "assets/words.txt leads outside")


@pytest.mark.parametrize("name", ["../secret", "assets/../../secret", "{absolute}"])
def test_a_path_that_leaves_the_folder_is_refused(folder, name):
    secret = folder.parent / "secret"
    secret.write_bytes(b"key")
    name = name.format(absolute=secret)
    assert_refused(folder, {name: digest_file(secret)}, "leads outside")


@pytest.mark.parametrize("name", ["a\0b", "x" * 300, "model.onnx/x", ".", ""])
def test_a_path_that_names_no_file_is_refused(folder, name):
    assert_refused(folder, {name: FileDigest("0" * 64, 0)}, "is missing|cannot be read")
