"""Whom a request about the models themselves is put to: this process, or all that share its ports.

Calls that run a model go to the engine of the process that has them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from serving.api.calls import ModelRef
from serving.api.regions import Region
from serving.crew.report import Report, report_of
from serving.engine.deployment import ModelConfig
from serving.engine.engine import Engine
from serving.engine.regions import Regions
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

    async def register_region(self, region: Region) -> None:
        """Let calls use shared memory; see ``Regions.register``."""
        ...

    async def unregister_region(self, name: str) -> None:
        """Let them use it no more; see ``Regions.unregister``."""
        ...


class Alone:
    """A process that shares its ports with no other."""

    def __init__(self, engine: Engine, regions: Regions | None = None) -> None:
        self._engine = engine
        self._regions = regions or Regions()

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

    async def register_region(self, region: Region) -> None:
        """Let calls use shared memory."""
        self._regions.register(region)

    async def unregister_region(self, name: str) -> None:
        """Let them use it no more."""
        self._regions.unregister(name)
