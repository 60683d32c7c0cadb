"""One model's folder: its versions, their manifests, and its version labels.

    <folder>/deployment.json     version labels
    <folder>/<version>/          immutable; appears by one rename

In the store a version is a folder with a manifest.  Elsewhere, in what TF Serving calls a
base path, it is any folder named by a number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from model_store import manifest as manifests
from model_store.deployment import DEPLOYMENT_FILE, Deployment, decode
from model_store.digests import verify_folder
from model_store.errors import BadVersion, ServableNotFound
from model_store.manifest import MANIFEST_FILE, Manifest
from model_store.spec import VERSION_NAME, ModelVersion

_FOREIGN_VERSION_NAME = re.compile(r"[0-9]{1,18}")
# Far more than any of ours has; a file that grew without end is not read to its end.
MAX_TEXT_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """Where one model's versions are.  Holds no state: every call reads the disk.

    Attributes:
        name: What the model is called; in the store its manifests must say the same.
        path: The folder.
        needs_manifest: Whether a folder without manifest is no version.
    """

    name: str
    path: Path
    needs_manifest: bool = True

    def versions(self) -> tuple[int, ...]:
        """Version numbers, ascending; empty when there is no such folder."""
        return tuple(sorted(self._folders()))

    def folder(self, number: int) -> Path:
        """Where a version's files are, or would be."""
        folder = self.path / str(number)
        if self.needs_manifest or folder.is_dir():
            return folder
        return self._folders().get(number, folder)

    def manifest(self, number: int) -> Manifest:
        """Read a version's manifest; its files are not looked at.

        Raises:
            ServableNotFound: There is no such version.
            BadVersion: The manifest cannot be read, or speaks of another servable.
        """
        model = ModelVersion(self.name, number)
        path = self.folder(number) / MANIFEST_FILE
        try:
            text = _read_text(path)
        except FileNotFoundError as error:
            raise ServableNotFound(f"no version {model} in {self.path.parent}") from error
        except (OSError, ValueError) as error:
            raise BadVersion(f"{path} cannot be read: {error}") from error
        try:
            found = manifests.decode(text)
        except BadVersion as error:
            raise BadVersion(f"{model}: {error}") from error
        is_other = found.model.name != self.name and self.needs_manifest
        if is_other or found.model.number != number:
            raise BadVersion(f"{path} says it is {found.model}")
        return replace(found, model=model)

    def verify(self, number: int) -> Manifest:
        """Read a version's manifest and check every file against it.

        Raises:
            ServableNotFound: There is no such version.
            BadVersion: Something is missing, altered, linked, or not in the manifest.
        """
        found = self.manifest(number)
        verify_folder(self.folder(number), found.files)
        return found

    def version_labels(self) -> Mapping[str, int]:
        """Version labels, as ``deployment.json`` has them; raises as ``deployment`` does."""
        return self.deployment().labels

    def deployment(self) -> Deployment:
        """Who is live, as ``deployment.json`` has it; nobody in particular without the file.

        Raises:
            BadVersion: The file is damaged.
        """
        path = self.path / DEPLOYMENT_FILE
        try:
            return decode(_read_bytes(path))
        except FileNotFoundError:
            return Deployment()
        except (OSError, ValueError) as error:
            raise BadVersion(f"{path} cannot be read: {error!r}") from error
        except BadVersion as error:
            raise BadVersion(f"{self.path}/{error}") from error

    def _folders(self) -> dict[int, Path]:
        if not self.path.is_dir():
            return {}
        if self.needs_manifest:
            return {
                int(path.name): path
                for path in self.path.iterdir()
                if VERSION_NAME.fullmatch(path.name) and (path / MANIFEST_FILE).is_file()
            }
        return {
            int(path.name): path
            for path in sorted(self.path.iterdir())
            if _FOREIGN_VERSION_NAME.fullmatch(path.name) and path.is_dir()
        }


def _read_text(path: Path) -> str:
    return _read_bytes(path).decode("utf-8")


def _read_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(MAX_TEXT_BYTES + 1)
    if len(data) > MAX_TEXT_BYTES:
        raise ValueError(f"it is longer than {MAX_TEXT_BYTES} bytes")
    return data
