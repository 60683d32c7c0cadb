"""Whether a version's files are still the files that were published."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from model_store.errors import BadVersion
from model_store.manifest import MANIFEST_FILE, FileDigest


def digest_file(path: Path) -> FileDigest:
    """Hash one file."""
    with path.open("rb") as file:
        return FileDigest(hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size)


def digest_folder(folder: Path) -> dict[str, FileDigest]:
    """Hash every file below *folder* but the manifest, by relative POSIX path."""
    return {
        path.relative_to(folder).as_posix(): digest_file(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.relative_to(folder).as_posix() != MANIFEST_FILE
    }


def verify_folder(folder: Path, files: Mapping[str, FileDigest]) -> None:
    """Check every file that the manifest names, before any of them is opened as a model.

    Raises:
        BadVersion: A file is missing, altered, a link, or reachable by another name too
            (a hard link would let somebody alter it from outside the store).
    """
    for name, want in files.items():
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()) or path.is_symlink():
            raise BadVersion(f"{folder}: {name} leads outside the version directory")
        if not path.is_file():
            raise BadVersion(f"{folder}: {name} is missing")
        if path.stat().st_nlink > 1:
            raise BadVersion(f"{folder}: {name} is hard-linked; copy it instead")
        if digest_file(path) != want:
            raise BadVersion(f"{folder}: {name} was altered; its SHA-256 is not the manifest's")
