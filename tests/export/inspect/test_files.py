from __future__ import annotations

import os
import stat
import zipfile
from pathlib import Path

import pytest

from export.inspect.files import inspect_archive, inspect_tree, read_member


@pytest.fixture
def path(tmp_path):
    return tmp_path / "it.zip"


def found(path: Path) -> list[str]:
    with zipfile.ZipFile(path) as archive:
        return [f"{each.what} {each}" for each in inspect_archive(archive, path.stat().st_size)]


def test_an_ordinary_archive_is_not_suspected(path: Path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/b..c/d.txt", b"0" * 100_000)
        archive.mkdir("folder")
    assert found(path) == []


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/x", "\\x", "a\\..\\..\\x", "C:/x"])
def test_names_that_lead_out_are_refused(path: Path, name):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, b"")
    (each,) = found(path)
    assert each.startswith("reads outside member")


def test_symbolic_links_are_refused(path: Path):
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    (each,) = found(path)
    assert "is a symbolic link" in each


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_name_are_refused(path: Path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}")
        archive.writestr("config.json", "[]")
    (each,) = found(path)
    assert "is there 2 times" in each


def test_a_bomb_is_told_by_its_sizes(path: Path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(400_000_000))
    (each,) = found(path)
    assert each.startswith("too large the archive")


def test_packings_that_models_do_not_have_and_passwords_are_refused(path: Path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("x", b"x")
    (each,) = found(path)
    assert "is packed in a way" in each
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x", b"x")
        archive.infolist()[0].flag_bits |= 1
    (each,) = found(path)
    assert "is encrypted" in each


def test_members_that_share_their_bytes_are_refused(path: Path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", b"0" * 100)
        archive.writestr("b", b"0" * 100)
        archive.infolist()[1].header_offset = 10
    (each,) = found(path)
    assert "shares its bytes" in each


def test_a_member_is_read_no_further_than_its_limit(path: Path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", b"0" * 100)
    with zipfile.ZipFile(path) as archive:
        assert len(read_member(archive, "a", 100)) == 100
        with pytest.raises(ValueError, match="longer than 99"):
            read_member(archive, "a", 99)


def test_a_folder_has_only_files_of_its_own(tmp_path: Path):
    folder = tmp_path / "folder"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "plain").write_text("x")
    assert list(inspect_tree(folder)) == []
    (folder / "link").symlink_to("/etc", target_is_directory=True)
    (tmp_path / "outside").write_text("x")
    (folder / "deep" / "hard").hardlink_to(tmp_path / "outside")
    os.mkfifo(folder / "pipe")
    assert {each.where: each.what for each in inspect_tree(folder)} == {
        "link": "reads outside", "deep/hard": "reads outside", "pipe": "damaged",
    }  # fmt: skip
