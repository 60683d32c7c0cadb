"""Whether a version's files are still the files that were published."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from model_store.errors import BadVersion
from model_store.manifest import MANIFEST_FILE, FileDigest

# A signature over everything else in the folder, the manifest too, in which it cannot be.
SIGNATURE_FILE = "model.sig"
_APART = frozenset({MANIFEST_FILE, SIGNATURE_FILE})


def digest_file(path: Path) -> FileDigest:
    """Hash one file."""
    with path.open("rb") as file:
        return FileDigest(hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size)


def digest_folder(folder: Path) -> dict[str, FileDigest]:
    """Hash every file below *folder* but manifest and signature, by relative POSIX path."""
    return {
        path.relative_to(folder).as_posix(): digest_file(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.relative_to(folder).as_posix() not in _APART
    }


def verify_folder(folder: Path, files: Mapping[str, FileDigest]) -> None:
    """Check a version's files against its manifest, before any is opened as a model.

    Raises:
        BadVersion: A file is missing, altered, a link, or reachable by another name too
            (a hard link would let somebody alter it from outside the store); or one is
            there that the manifest does not name (a graph could name it, unchecked).
    """
    if folder.is_symlink():
        raise BadVersion(f"{folder} is a symbolic link; copy the folder instead")
    for name, want in files.items():
        try:
            problem = _problem(folder, name, want)
        except (OSError, ValueError, RuntimeError) as error:  # no such name, a loop of links
            raise BadVersion(f"{folder}: {name!r} cannot be read: {error}") from error
        if problem:
            raise BadVersion(f"{folder}: {name} {problem}")
    signature = folder / SIGNATURE_FILE
    known = {*files, MANIFEST_FILE}
    if signature.is_file() and not signature.is_symlink():
        known.add(SIGNATURE_FILE)
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if name not in known and (path.is_symlink() or not path.is_dir()):
            raise BadVersion(f"{folder}: {name} is not in the manifest; remove it")


def _problem(folder: Path, name: str, want: FileDigest) -> str:
    """What is wrong with one file; empty when nothing is."""
    path = folder / name
    if path.is_symlink():
        return "is a symbolic link; copy the file instead"
    if not path.resolve().is_relative_to(folder.resolve()):
        return "leads outside the version directory"
    if not path.is_file():
        return "is missing"
    if path.stat().st_nlink > 1:
        return "is hard-linked; copy it instead"
    if path.stat().st_size != want.bytes or digest_file(path) != want:
        return "was altered; its SHA-256 is not the manifest's"
    return ""
