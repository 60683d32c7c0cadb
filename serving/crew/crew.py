"""Whom a request about the models themselves is put to: this process, or all that share its ports.

Calls that run a model go to the engine of the process that has them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from serving.api.calls import ModelRef
from serving.crew.report import Report, report_of
from serving.engine.deployment import ModelConfig
from serving.engine.engine import Engine
from serving.engine.servable import Servable


class Crew(Protocol):
    """Every process that answers on the same ports."""

    async def is_ready(self) -> bool:
        """Whether everything that is wanted can be called, whichever process is reached."""
        ...

    async def has(self, ref: ModelRef) -> bool:
        """Whether *ref* can be called, whichever process is reached."""
        ...

    async def report(self) -> Report:
        """What all of them say of their models."""
        ...

    async def reconfigure(self, configs: Iterable[ModelConfig]) -> None:
        """Serve exactly these models from now on; see ``Engine.reconfigure``."""
        ...

    async def load_model(self, name: str) -> None:
        """Load a model; see ``Engine.load_model``."""
        ...

    async def unload_model(self, name: str) -> None:
        """Take no new calls for a model; see ``Engine.unload_model``."""
        ...


class Alone:
    """A process that shares its ports with no other."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def is_ready(self) -> bool:
        """Whether everything that is wanted can be called."""
        return self._engine.is_ready

    async def has(self, ref: ModelRef) -> bool:
        """Whether *ref* can be called."""
        return isinstance(self._engine.find(ref), Servable)

    async def report(self) -> Report:
        """What there is to say of the models."""
        return report_of(self._engine)

    async def reconfigure(self, configs: Iterable[ModelConfig] | None) -> None:
        """Serve exactly these models from now on."""
        await self._engine.reconfigure(configs)

    async def load_model(self, name: str) -> None:
        """Load a model."""
        await self._engine.load_model(name)

    async def unload_model(self, name: str) -> None:
        """Take no new calls for a model."""
        await self._engine.unload_model(name)
