"""One model's folder, in the store and elsewhere."""

from __future__ import annotations

import os

import pytest

from model_store.errors import BadVersion, ServableNotFound
from model_store.folder import ModelFolder
from model_store.store import Store
from tests.model_store.publishing import publish


@pytest.fixture
def folder(tmp_path):
    publish(Store(tmp_path))
    return ModelFolder("numbers", tmp_path / "numbers")


def test_a_model_of_the_store_is_a_folder_by_its_name(tmp_path, folder):
    assert Store(tmp_path).model("numbers") == folder
    assert folder.versions() == (1,)
    assert folder.verify(1).model.number == 1


def test_a_folder_that_is_not_there_has_no_versions(tmp_path):
    absent = ModelFolder("cats", tmp_path / "cats")
    assert (absent.versions(), absent.version_labels()) == ((), {})
    with pytest.raises(ServableNotFound, match="no version cats/1"):
        absent.manifest(1)


@pytest.mark.parametrize("name", ["0", "7", "00000123", "1754000000"])
def test_a_base_path_has_a_version_for_each_folder_named_by_a_number(tmp_path, name):
    (tmp_path / "base" / name).mkdir(parents=True)
    (tmp_path / "base" / "5").touch()
    (tmp_path / "base" / "assets").mkdir()
    base = ModelFolder("any", tmp_path / "base", needs_manifest=False)
    assert base.versions() == (int(name),)
    assert base.folder(int(name)) == tmp_path / "base" / name


def test_outside_the_store_a_model_may_be_called_otherwise_than_its_manifest_says(folder):
    with pytest.raises(BadVersion, match="says it is numbers/1"):
        ModelFolder("digits", folder.path).manifest(1)
    assert (
        str(ModelFolder("digits", folder.path, needs_manifest=False).manifest(1).model)
        == "digits/1"
    )


def test_a_file_that_the_manifest_does_not_name_is_refused(folder):
    (folder.folder(1) / "weights.bin").write_bytes(b"not checked by anybody")
    with pytest.raises(BadVersion, match=r"weights\.bin is not in the manifest"):
        folder.verify(1)


def test_a_link_that_the_manifest_does_not_name_is_refused(folder, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (folder.folder(1) / "more").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BadVersion, match="more is not in the manifest"):
        folder.verify(1)


def test_a_linked_version_folder_is_refused(folder, tmp_path):
    folder.folder(1).rename(tmp_path / "outside")
    folder.folder(1).symlink_to(tmp_path / "outside")
    with pytest.raises(BadVersion, match="symbolic link; copy the folder"):
        folder.verify(1)


def test_a_file_longer_than_its_manifest_says_is_refused_unread(folder):
    with (folder.folder(1) / "model.onnx").open("ab") as file:
        os.truncate(file.fileno(), 1 << 40)  # hashing a sparse terabyte would take minutes
    with pytest.raises(BadVersion, match="was altered"):
        folder.verify(1)


@pytest.mark.parametrize("name", ["1/manifest.json", "deployment.json"])
def test_a_text_file_without_end_is_refused_unread(folder, name):
    (folder.path / name).touch()
    os.truncate(folder.path / name, 1 << 40)
    with pytest.raises(BadVersion, match="cannot be read"):
        folder.manifest(1) if "manifest" in name else folder.version_labels()
