"""The store on disk: which models and versions there are, and how one is published.

    <root>/<model>/                    see ``model_store.folder``
    <root>/<model>/.highest_version    the highest number ever given

Readers see a version whole or not at all.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from model_store import manifest as manifests
from model_store.errors import BadVersion, EaselError, InvalidRequest, ServableNotFound
from model_store.folder import VERSION_NAME, ModelFolder
from model_store.manifest import MANIFEST_FILE, Manifest
from model_store.spec import ModelVersion

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
# How the name of a folder begins that is not a version yet.
UNFINISHED = ".publishing-"
# The highest number ever published: that of a deleted version is not given again.
_HIGHEST = ".highest_version"


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
        folder = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=home))
        folder.chmod(0o755)

        def publish(describe: Callable[[ModelVersion], Manifest]) -> ModelVersion:
            while True:
                model = ModelVersion(name, _next_number(home))
                _write_synced(folder / MANIFEST_FILE, manifests.encode(describe(model)))
                with _locked(home):
                    if model.number != _next_number(home):
                        continue
                    # Before the rename: a number that is skipped does no harm.
                    _replace(home / _HIGHEST, f"{model.number}\n")
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
        taken.append(int((home / _HIGHEST).read_text(encoding="utf-8")))
    except (OSError, ValueError):  # nothing was ever published here by us
        taken.append(0)
    number = max(taken) + 1
    if not VERSION_NAME.fullmatch(str(number)):
        raise InvalidRequest(f"{home} has version {number - 1}, and no higher number is allowed")
    return number


@contextmanager
def _locked(home: Path) -> Iterator[None]:
    """One publisher at a time; where a file system has no locks, the last check is the rename."""
    descriptor = os.open(home, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _replace(path: Path, text: str) -> None:
    """Write *path* so that a reader sees the old text or the new."""
    descriptor, name = tempfile.mkstemp(prefix=UNFINISHED, dir=path.parent)
    os.close(descriptor)
    written = Path(name)
    _write_synced(written, text)
    written.chmod(0o644)
    written.replace(path)


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
