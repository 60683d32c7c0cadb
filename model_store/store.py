"""The store on disk: which models and versions there are, and how one is published.

    <root>/<model>/deployment.json     version labels
    <root>/<model>/<version>/          immutable; appears by one rename

Readers see a version whole or not at all.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from model_store import manifest as manifests
from model_store.digests import verify_folder
from model_store.errors import BadVersion, EaselError, InvalidRequest, ServableNotFound
from model_store.manifest import MANIFEST_FILE, Manifest
from model_store.spec import ModelVersion

DEPLOYMENT_FILE = "deployment.json"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_VERSION = re.compile(r"[1-9][0-9]{0,17}")
_UNFINISHED = ".publishing-"


@dataclass(frozen=True, slots=True)
class Store:
    """A folder of models.  Holds no state: every call reads the disk."""

    root: Path

    def models(self) -> tuple[str, ...]:
        """Names of the models that have at least one version, in order."""
        if not self.root.is_dir():
            raise ServableNotFound(f"there is no model store at {self.root}")
        try:
            names = sorted(path.name for path in self.root.iterdir() if path.is_dir())
        except OSError as error:
            raise EaselError(f"the model store {self.root} cannot be read: {error}") from error
        return tuple(name for name in names if _NAME.fullmatch(name) and self.versions(name))

    def versions(self, name: str) -> tuple[int, ...]:
        """Published version numbers of a model, ascending; empty when it is unknown."""
        folder = self.root / check_name(name)
        if not folder.is_dir():
            return ()
        return tuple(
            sorted(
                int(path.name)
                for path in folder.iterdir()
                if _VERSION.fullmatch(path.name) and (path / MANIFEST_FILE).is_file()
            )
        )

    def folder(self, model: ModelVersion) -> Path:
        """Where a version's files are."""
        return self.root / check_name(model.name) / str(model.number)

    def manifest(self, model: ModelVersion) -> Manifest:
        """Read a version's manifest; its files are not looked at.

        Raises:
            ServableNotFound: There is no such version.
            BadVersion: The manifest cannot be read, or speaks of another servable.
        """
        path = self.folder(model) / MANIFEST_FILE
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError as error:
            raise ServableNotFound(f"no version {model} in {self.root}") from error
        except (OSError, ValueError) as error:
            raise BadVersion(f"{path} cannot be read: {error}") from error
        try:
            found = manifests.decode(text)
        except BadVersion as error:
            raise BadVersion(f"{model}: {error}") from error
        if found.model != model:
            raise BadVersion(f"{path} says it is {found.model}")
        return found

    def verify(self, model: ModelVersion) -> Manifest:
        """Read a version's manifest and check every file against it.

        Raises:
            ServableNotFound: There is no such version.
            BadVersion: Something is missing, altered or linked.
        """
        found = self.manifest(model)
        verify_folder(self.folder(model), found.files)
        return found

    def class_labels(self, found: Manifest) -> tuple[str, ...]:
        """Class names of a version, in the order of its scores; empty without a file.

        Raises:
            BadVersion: The file cannot be read.
        """
        if found.labels_file is None:
            return ()
        path = self.folder(found.model) / found.labels_file
        try:
            return tuple(path.read_text(encoding="utf-8").splitlines())
        except (OSError, ValueError) as error:
            raise BadVersion(f"{found.model}: the class labels cannot be read: {error}") from error

    def version_labels(self, name: str) -> Mapping[str, int]:
        """Version labels of a model, as ``deployment.json`` has them.

        Raises:
            BadVersion: The file is damaged.
        """
        path = self.root / check_name(name) / DEPLOYMENT_FILE
        try:
            labels = json.loads(path.read_text(encoding="utf-8"))["labels"]
            return {str(label): int(number) for label, number in labels.items()}
        except FileNotFoundError:
            return {}
        except (
            OSError, ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError,
        ) as error:  # fmt: skip
            raise BadVersion(f"{path} cannot be read: {error!r}") from error

    @contextmanager
    def publishing(
        self, name: str
    ) -> Iterator[tuple[Path, Callable[[Callable[[ModelVersion], Manifest]], ModelVersion]]]:
        """A folder to fill, and the function that publishes it.

        The folder lies beside the versions, so that publishing is one rename on one file
        system.  It is removed when the block ends without publishing.

        Yields:
            The empty folder, and ``publish(describe)``: *describe* makes the manifest for
            the version it is given, and is called again when somebody else took that one.
        """
        home = self.root / check_name(name)
        home.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=home))
        folder.chmod(0o755)

        def publish(describe: Callable[[ModelVersion], Manifest]) -> ModelVersion:
            while True:
                model = ModelVersion(name, max(_taken(home), default=0) + 1)
                _write_synced(folder / MANIFEST_FILE, manifests.encode(describe(model)))
                try:
                    folder.rename(home / str(model.number))
                except OSError:
                    if not (home / str(model.number)).exists():
                        raise
                    continue
                _sync(home)
                return model

        try:
            yield folder, publish
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def check_name(name: str) -> str:
    """Give back *name* if it can name a model.

    Raises:
        InvalidRequest: It could leave the store, or hide in it.
    """
    if not _NAME.fullmatch(name):
        raise InvalidRequest(
            f"{name!r} cannot name a model; use letters, digits, '.', '_' and '-', "
            "beginning with a letter or digit"
        )
    return name


def _taken(home: Path) -> Iterator[int]:
    return (int(path.name) for path in home.iterdir() if _VERSION.fullmatch(path.name))


def _write_synced(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
