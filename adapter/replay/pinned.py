"""One version of one model in the place of the live one, for everything that asks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from adapter.catalogue import Catalogue, ImageModel
from adapter.ports import ModelServer, Scores, Tensors
from model_store.errors import ServableNotFound
from model_store.spec import ModelVersion


class PinnedServer:
    """A model server that answers for one model with one version only."""

    def __init__(self, server: ModelServer, pinned: ModelVersion) -> None:
        """Ask *server*, and for the pinned model its pinned version."""
        self._server = server
        self._pinned = pinned

    def predict(
        self, model: str, version: int | None, inputs: Tensors, *, timeout_s: float
    ) -> Scores:
        """Run the pinned version; see ``adapter.ports.ModelServer``."""
        if model != self._pinned.name:
            return self._server.predict(model, version, inputs, timeout_s=timeout_s)
        number = self._pinned.number
        if version not in (None, number):
            raise ServableNotFound(f"only {self._pinned} is to answer")
        return self._server.predict(model, number, inputs, timeout_s=timeout_s)

    def is_ready(self, *, timeout_s: float) -> bool:
        """As the server behind it."""
        return self._server.is_ready(timeout_s=timeout_s)

    def health(self, *, timeout_s: float) -> Mapping[str, str | None]:
        """As the server behind it."""
        return self._server.health(timeout_s=timeout_s)

    def close(self) -> None:
        """As the server behind it."""
        self._server.close()


class PinnedCatalogue(Catalogue):
    """A catalogue in which the pinned version is live."""

    def __init__(self, root: Path, pinned: ModelVersion) -> None:
        """Nothing is read yet."""
        super().__init__(root)
        self._pinned = pinned

    def live(self, name: str) -> ImageModel:
        """The pinned version of its model; of others the live one."""
        if name == self._pinned.name:
            return self.version(name, self._pinned.number)
        return super().live(name)
