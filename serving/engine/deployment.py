"""Which versions of which models are wanted, as data.

Made from the store, from TF Serving's flags and files, or by a reload request; the
engine's lifecycle makes what is loaded equal to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from model_store.errors import EaselError
from model_store.folder import ModelFolder
from model_store.manifest import MANIFEST_FILE
from model_store.store import Store


@dataclass(frozen=True, slots=True)
class Latest:
    """The newest *count* versions."""

    count: int = 1


@dataclass(frozen=True, slots=True)
class All:
    """Every version that there is."""


@dataclass(frozen=True, slots=True)
class Specific:
    """These versions and no other."""

    versions: tuple[int, ...]


Policy = Latest | All | Specific


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """One model to serve.

    Attributes:
        name: What callers call it.
        folder: Holds a folder for each version, named by its number.
        policy: Which versions; those that a version label names are added.
        labels: Version labels; None for those of the folder's ``deployment.json``.
        needs_manifest: Whether versions without a manifest are refused, or are loaded as
            TF Serving and Triton would: unchecked, signatures from the graph.
    """

    name: str
    folder: Path
    policy: Policy = Latest()
    labels: Mapping[str, int] | None = None
    needs_manifest: bool = True

    @property
    def model_folder(self) -> ModelFolder:
        """The folder, with what its versions are known by."""
        return ModelFolder(self.name, self.folder, self.needs_manifest)


def wanted_versions(config: ModelConfig, found: tuple[int, ...]) -> tuple[int, ...]:
    """Of the versions *found* on disk, ascending, those that the policy wants, ascending."""
    match config.policy:
        case Latest(count):
            return found[-count:] if count > 0 else ()
        case All():
            return found
        case Specific(versions):
            return tuple(number for number in found if number in versions)


def store_config(store: Store, name: str) -> ModelConfig:
    """How a model of the store is served when nobody says otherwise."""
    return ModelConfig(name, store.model(name).path)


Identity = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Found:
    """What one look at a model's folder has found.

    Attributes:
        versions: Ascending; None when they cannot be seen, and nothing should change.
        labels: Version labels; None when they cannot be read, and stay as they are.
        identities: Of each version, what changes when another takes its number.
        prints: Of versions that could not be loaded, what their files look like now.
        problem: Why something could not be seen or read.
    """

    versions: tuple[int, ...] | None
    labels: Mapping[str, int] | None = field(default_factory=dict)
    identities: Mapping[int, Identity] = field(default_factory=dict)
    prints: Mapping[int, str] = field(default_factory=dict)
    problem: str = ""


def look(config: ModelConfig, failed: Iterable[int]) -> Found:
    """Look at a model's folder; blocking.  *failed* are versions to look at closely."""
    folder = config.model_folder
    try:
        versions = folder.versions()
        identities = {number: _identity(folder.folder(number)) for number in versions}
        prints = {number: fingerprint(folder.folder(number)) for number in failed}
    except OSError as error:
        return Found(None, problem=f"{config.folder} cannot be read: {error}")
    labels, problem = config.labels, ""
    if labels is None:
        try:
            labels = folder.version_labels()
        except EaselError as error:
            problem = str(error)
    return Found(versions, labels, identities, prints, problem)


def _identity(folder: Path) -> Identity:
    try:
        status = (folder / MANIFEST_FILE).stat()
    except FileNotFoundError:  # anybody may put a file into a folder without manifest
        return folder.stat().st_ino, 0
    return status.st_ino, status.st_mtime_ns


def fingerprint(folder: Path) -> str:
    """Changes when a file below *folder* does; of the files only names and dates are read."""
    facts = []
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        facts.append((path.name, status.st_ino, status.st_size, status.st_mtime_ns))
    return repr(facts)
