"""What the commands ask of a store, be it a folder of this machine or in a bucket.

``Store`` and ``bucket.BucketStore`` are the two that there are; the tests hold both to the
same contract.  Paths are relative to the store, with ``/``.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from model_store.manifest import Manifest
from model_store.spec import ModelVersion
from model_store.store import Publish, Seal


class Shelf(Protocol):
    """To be looked at."""

    def models(self) -> tuple[str, ...]:
        """Names of the models that have at least one version, in order."""
        ...

    def versions(self, name: str) -> tuple[int, ...]:
        """Published version numbers of a model, ascending; empty when it is unknown."""
        ...

    def manifest(self, model: ModelVersion) -> Manifest:
        """Read a version's manifest; its files are not looked at."""
        ...

    def verify(self, model: ModelVersion) -> Manifest:
        """Read a version's manifest and check every file against it, or raise BadVersion."""
        ...

    def read(self, path: str) -> bytes | None:
        """A small file's content; None if there is none."""
        ...

    def place(self, model: ModelVersion) -> str:
        """Where a version is, for people."""
        ...

    def at_hand(self, model: ModelVersion) -> AbstractContextManager[Path]:
        """A folder of this machine with the version's files, to read."""
        ...


class ModelStore(Shelf, Protocol):
    """To be changed."""

    def publishing(
        self, name: str, seal: Seal = ...
    ) -> AbstractContextManager[tuple[Path, Publish]]:
        """A folder to fill, and the function that publishes it; see ``Store.publishing``."""
        ...

    def locked(self, name: str) -> AbstractContextManager[None]:
        """Nobody else changes the model, where the place can see to that."""
        ...

    def replace(self, path: str, data: bytes, before: bytes | None) -> bool:
        """Replace a small file in one step; False if its content is *before* no more."""
        ...

    def append(self, path: str, line: bytes) -> None:
        """Add a line to a file of lines."""
        ...

    def homes(self) -> tuple[str, ...]:
        """Names of the folders that are, or were to be, a model's."""
        ...

    def unfinished(self, name: str) -> tuple[str, ...]:
        """Paths of what nobody is at work on any more, and no reader sees."""
        ...

    def discard(self, path: str) -> None:
        """Delete what ``unfinished`` has found."""
        ...

    def remove(self, model: ModelVersion) -> None:
        """Delete a version; a reader sees it whole or not at all."""
        ...
