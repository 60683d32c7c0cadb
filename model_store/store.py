"""The store on disk: which models and versions there are, and how one is published.

    <root>/<model>/                    see ``model_store.folder``
    <root>/<model>/.highest_version    the highest number ever given

Readers see a version whole or not at all.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from model_store import atomic
from model_store import manifest as manifests
from model_store.atomic import UNFINISHED
from model_store.errors import (
    BadVersion,
    DeploymentRefused,
    EaselError,
    InvalidRequest,
    ServableNotFound,
)
from model_store.folder import ModelFolder
from model_store.manifest import MANIFEST_FILE, Manifest
from model_store.spec import VERSION_NAME, ModelVersion

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
# Says which bucket a store is the copy of; see ``copying``.
MIRROR_FILE = ".mirror"
# The highest number ever published: that of a deleted version is not given again.
HIGHEST_FILE = ".highest_version"

Publish = Callable[[Callable[[ModelVersion], Manifest]], ModelVersion]
Seal = Callable[[Path], object]


def leave_open(folder: Path) -> None:
    """The seal of who signs nothing."""


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
        return tuple(name for name in names if is_name(name) and self.versions(name))

    def model(self, name: str) -> ModelFolder:
        """One model's folder, whether it is there or not.

        Raises:
            InvalidRequest: *name* could leave the store, or hide in it.
        """
        return ModelFolder(name, self.root / check_name(name))

    def versions(self, name: str) -> tuple[int, ...]:
        """Published version numbers of a model, ascending; empty when it is unknown."""
        return self.model(name).versions()

    def folder(self, model: ModelVersion) -> Path:
        """Where a version's files are."""
        return self.model(model.name).folder(model.number)

    def manifest(self, model: ModelVersion) -> Manifest:
        """Read a version's manifest; see ``ModelFolder.manifest``."""
        return self.model(model.name).manifest(model.number)

    def verify(self, model: ModelVersion) -> Manifest:
        """Read a version's manifest and check its files; see ``ModelFolder.verify``."""
        return self.model(model.name).verify(model.number)

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
        """Version labels of a model; see ``ModelFolder.version_labels``."""
        return self.model(name).version_labels()

    @contextmanager
    def publishing(self, name: str, seal: Seal = leave_open) -> Iterator[tuple[Path, Publish]]:
        """A folder to fill, and the function that publishes it.

        The folder lies beside the versions, so that publishing is one rename on one file
        system.  It is removed when the block ends without publishing.

        Args:
            name: The model.
            seal: Called with the folder when all files and the manifest are in it; it may
                add a signature.

        Yields:
            The empty folder, and ``publish(describe)``: *describe* makes the manifest for
            the version it is given, and is called again when somebody else took that one.
        """
        home = self.model(name).path
        home.mkdir(parents=True, exist_ok=True)
        with atomic.unfinished_folder(home) as folder:

            def publish(describe: Callable[[ModelVersion], Manifest]) -> ModelVersion:
                while True:
                    model = ModelVersion(name, _next_number(home))
                    text = manifests.encode(describe(model))
                    (folder / MANIFEST_FILE).write_text(text, encoding="utf-8")
                    seal(folder)
                    atomic.sync_tree(folder)
                    if _take(home, folder, model.number):
                        return model

            try:
                yield folder, publish
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    def __str__(self) -> str:
        return str(self.root)

    def place(self, model: ModelVersion) -> str:
        """Where a version is, for people."""
        return str(self.folder(model))

    def homes(self) -> tuple[str, ...]:
        """Names of the folders that are, or were to be, a model's."""
        if not self.root.is_dir():
            raise ServableNotFound(f"there is no model store at {self.root}")
        names = sorted(path.name for path in self.root.iterdir() if path.is_dir())
        return tuple(name for name in names if is_name(name))

    def read(self, path: str) -> bytes | None:
        """A small file's content, by its path in the store; None if there is none.

        Raises:
            EaselError: It cannot be read.
        """
        try:
            return (self.root / path).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise EaselError(f"{self.root / path} cannot be read: {error}") from error

    @contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Nobody else changes the model's folder until the block ends.

        Raises:
            DeploymentRefused: The store is the copy of a bucket, which would be followed again.
        """
        try:
            url = (self.root / MIRROR_FILE).read_text(encoding="utf-8")
        except OSError:
            with atomic.locked(self.model(name).path):
                yield
            return
        raise DeploymentRefused(f"{self.root} is a copy of {url}; change that one, with --store")

    def replace(self, path: str, data: bytes, before: bytes | None) -> bool:
        """Replace a small file; False if its content is *before* no more."""
        if self.read(path) != before:
            return False
        # Not in a version's own folder: what is not in its manifest is not let in.
        atomic.replace(self.root / path, data, self.model(path.partition("/")[0]).path)
        return True

    def append(self, path: str, line: bytes) -> None:
        """Add a line to a file of lines; what is left of one that was cut short goes."""
        atomic.append_line(self.root / path, line)

    def remove(self, model: ModelVersion) -> None:
        """Delete a version; a reader sees it whole or not at all."""
        gone = self.model(model.name).path / f"{UNFINISHED}removed-{model.number}"
        shutil.rmtree(gone, ignore_errors=True)
        self.folder(model).rename(gone)
        shutil.rmtree(gone)

    def unfinished(self, name: str) -> tuple[str, ...]:
        """Paths in the store of what nobody is at work on any more, and no reader sees."""
        found = sorted(self.model(name).path.glob(f"{UNFINISHED}*"))
        return tuple(f"{name}/{path.name}" for path in found if atomic.is_abandoned(path))

    def discard(self, path: str) -> None:
        """Delete what ``unfinished`` has found."""
        place = self.root / path
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place)
        else:
            place.unlink()

    @contextmanager
    def at_hand(self, model: ModelVersion) -> Iterator[Path]:
        """A folder of this machine with the version's files, to read."""
        yield self.folder(model)


def _take(home: Path, folder: Path, number: int) -> bool:
    """Make *folder* the version *number*; False if somebody else has taken that."""
    with atomic.locked(home):
        if number != _next_number(home):
            return False
        # Before the rename: a number that is skipped does no harm.
        atomic.replace(home / HIGHEST_FILE, f"{number}\n".encode(), home)
        try:
            folder.rename(home / str(number))
        except OSError:
            if not (home / str(number)).exists():
                raise
            return False
        atomic.sync(home)
        return True


def is_name(name: str) -> bool:
    """Whether a model may be called *name*."""
    return _NAME.fullmatch(name) is not None


def check_name(name: str) -> str:
    """Give back *name* if it can name a model.

    Raises:
        InvalidRequest: It could leave the store, or hide in it.
    """
    if not is_name(name):
        raise InvalidRequest(
            f"{name!r} cannot name a model; use letters, digits, '.', '_' and '-', "
            "beginning with a letter or digit"
        )
    return name


def _next_number(home: Path) -> int:
    """One more than any version has, or had before somebody deleted it.

    Raises:
        InvalidRequest: The numbers have run out.
    """
    taken = [int(path.name) for path in home.iterdir() if VERSION_NAME.fullmatch(path.name)]
    try:
        taken.append(int((home / HIGHEST_FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError):  # nothing was ever published here by us
        taken.append(0)
    number = max(taken) + 1
    if not VERSION_NAME.fullmatch(str(number)):
        raise InvalidRequest(f"{home} has version {number - 1}, and no higher number is allowed")
    return number
