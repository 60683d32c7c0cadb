"""What the store says about models: their input contracts and class labels."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from model_store.contract import ImageContract
from model_store.deployment import live
from model_store.errors import BadVersion, ServableNotFound
from model_store.manifest import Manifest
from model_store.spec import ModelVersion
from model_store.store import Store


@dataclass(frozen=True, slots=True)
class ImageModel:
    """One version of an image classifier."""

    model: ModelVersion
    contract: ImageContract
    labels: tuple[str, ...]


class Catalogue:
    """Reads the store; versions never change, so each is read once.

    Which version is live does change, and is looked up at most every ``LIVE_S`` seconds: a
    request in between is sent in the last one's form, and ``asking`` notices.
    """

    LIVE_S = 0.5
    LIKELY = 3

    def __init__(self, root: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """Nothing is read yet; *clock* gives seconds."""
        self._store = Store(root)
        self._clock = clock
        self._read = lru_cache(maxsize=256)(self._read_version)
        self._live: dict[str, tuple[float, ImageModel]] = {}
        self._answered: dict[str, int] = {}

    def live(self, name: str) -> ImageModel:
        """The version that a request without version or label most likely reaches.

        A damaged one is passed over, as the server does.

        Raises:
            ServableNotFound: The store has no such model, or it takes no pictures.
            BadVersion: The manifests of all likely versions are damaged.
        """
        known = self._live.get(name)
        if known is not None and self._clock() < known[0] + self.LIVE_S:
            return known[1]
        found = self._find_live(name)
        self._live[name] = (self._clock(), found)
        return found

    def _find_live(self, name: str) -> ImageModel:
        first = live(self._store.version_labels(name), self._store.versions(name))
        if first is None:
            raise ServableNotFound(f"there is no model {name!r} in the store")
        try:
            return self.version(name, first)
        except BadVersion:
            for number in self.likely(name):
                with suppress(BadVersion):
                    return self.version(name, number)
            raise

    def note_answer(self, model: ModelVersion) -> None:
        """Remember that *model* is served."""
        self._answered[model.name] = model.number

    def likely(self, name: str) -> tuple[int, ...]:
        """Versions of a server that is behind the store's last change, or ahead of ``live``.

        Those are the one that answered last, and the newest ones.
        """
        versions = self._store.versions(name)
        newest = versions[: -self.LIKELY - 1 : -1]
        last = self._answered.get(name)
        return (last, *newest) if last in versions else newest

    def names(self) -> tuple[str, ...]:
        """Names of all models that the store has now, also those that take no pictures.

        Raises:
            EaselError: The store cannot be read.
        """
        return self._store.models()

    def versions(self, name: str) -> tuple[int, ...]:
        """Numbers of all versions that the store has now, ascending."""
        return self._store.versions(name)

    def version_labels(self, name: str) -> Mapping[str, int]:
        """Versions by version label; raises as ``live`` does."""
        return self._store.version_labels(name)

    def manifest(self, model: ModelVersion) -> Manifest:
        """What a version is; raises as ``live`` does."""
        return self._store.manifest(model)

    def version(self, name: str, number: int) -> ImageModel:
        """One version; raises as ``live`` does."""
        return self._read(ModelVersion(name, number))

    def _read_version(self, model: ModelVersion) -> ImageModel:
        manifest = self._store.manifest(model)
        if manifest.input_contract is None:
            raise ServableNotFound(f"{model} takes no pictures: it has no input contract")
        return ImageModel(model, manifest.input_contract, self._store.class_labels(manifest))
