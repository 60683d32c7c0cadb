"""Downloads: once, checked, and told plainly when they fail.  The clients are scripts here."""

from __future__ import annotations

import hashlib
import stat

import pytest

from export.recipes.packages import Package, fetch
from model_store.errors import ExportRefused

CONTENT = b"an archive"
PACKAGE = Package("npm", "thing@1.0.0", "thing-1.0.0.tgz", hashlib.sha256(CONTENT).hexdigest())


@pytest.fixture
def npm(tmp_path, monkeypatch):
    """Writes a client of that name, which is the only program on the path."""
    programs = tmp_path / "programs"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))

    def write(script: str) -> None:
        path = programs / "npm"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    return write


def test_a_package_is_downloaded_once_by_name_and_kept(npm, tmp_path):
    folder = tmp_path / "new" / "cache"
    npm('echo "$@" >> calls; printf "an archive" > thing-1.0.0.tgz')
    assert fetch(PACKAGE, folder).read_bytes() == CONTENT
    assert fetch(PACKAGE, folder) == folder / "thing-1.0.0.tgz"
    assert (folder / "calls").read_text() == "pack --silent thing@1.0.0\n"


def test_what_is_kept_already_needs_no_client(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / PACKAGE.file).write_bytes(CONTENT)
    assert fetch(PACKAGE, tmp_path) == tmp_path / PACKAGE.file


def test_another_archive_than_the_recipes_own_is_refused_and_the_remedy_is_said(tmp_path):
    (tmp_path / PACKAGE.file).write_bytes(b"another one")
    with pytest.raises(ExportRefused, match="is not the thing@1.0.0 .* delete it and run again"):
        fetch(PACKAGE, tmp_path)


def test_a_client_that_is_not_installed_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ExportRefused, match="npm is not installed here; install it, connect"):
        fetch(PACKAGE, tmp_path / "cache")


def test_without_a_network_the_clients_last_line_and_the_place_for_the_file_are_told(npm, tmp_path):
    npm("echo noise >&2; echo no such host >&2; exit 1")
    with pytest.raises(ExportRefused, match=r"\(no such host\); .*put thing-1.0.0.tgz into"):
        fetch(PACKAGE, tmp_path)


def test_a_client_that_fails_silently_or_brings_nothing_is_told(npm, tmp_path):
    npm("exit 3")
    with pytest.raises(ExportRefused, match="it ended with status 3"):
        fetch(PACKAGE, tmp_path)
    npm("exit 0")
    with pytest.raises(ExportRefused, match="npm downloaded thing@1.0.0, but no thing-1.0.0.tgz"):
        fetch(PACKAGE, tmp_path)
