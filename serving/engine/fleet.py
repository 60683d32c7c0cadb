"""All models: which are to be served, and a look at the disk now and then."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from math import inf
from pathlib import Path

from model_store.errors import DeploymentRefused, EaselError, InvalidRequest, ServableNotFound
from model_store.store import Store, check_name
from serving.engine.deployment import Found, ModelConfig, Specific, look, store_config
from serving.engine.lifecycle import ServedModel
from serving.engine.loading import Workshop
from serving.engine.watch import FolderWatch

logger = logging.getLogger(__name__)

# Models that are wanted no more, whose last states can still be asked for.
_MAX_GONE = 32

Looks = Sequence[tuple[ModelConfig, Found]]


class Fleet:
    """The models of one store, or those of a list.  Lives on the event loop.

    Attributes:
        models: By name, those that are wanted.
        gone: By name, those that were.
    """

    def __init__(self, store: Store, workshop: Workshop) -> None:
        self.models: dict[str, ServedModel] = {}
        self.gone: dict[str, ServedModel] = {}
        self._store = store
        self._workshop = workshop
        self._configs: tuple[ModelConfig, ...] | None = None
        # Of models that nobody has looked for yet.
        self._unloaded: set[str] = set()
        # Of its own: a look at a slow disk waits for no load, and no load for it.
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._wake = asyncio.Event()
        self._looking = asyncio.Lock()
        self._problem = ""
        self._watch: FolderWatch | None = None

    async def sync(self) -> None:
        """Look at the disk once and begin to make what is loaded equal to what is wanted.

        Raises:
            EaselError: The store cannot be read; everything stays as it is.
        """
        async with self._looking:
            loop = asyncio.get_running_loop()
            failed = {name: model.loads.failures() for name, model in self.models.items()}
            looks = await loop.run_in_executor(
                self._disk, _look_at_all, self._store, self._configs, failed
            )
            self._drop(self.models.keys() - {config.name for config, _ in looks})
            for config, found in looks:
                self._model(config).follow(config, found)

    async def settled(self) -> None:
        """Wait until no model has anything to load."""
        await asyncio.gather(*(model.settled() for model in self.models.values()))

    async def watch(self) -> None:
        """Follow the disk until cancelled: at once where the system tells, else by looking."""
        poll_s = self._workshop.options.poll_s
        loop = asyncio.get_running_loop()
        if poll_s > 0:
            self._watch = FolderWatch(lambda: loop.call_soon_threadsafe(self._wake.set))
        while True:
            if self._watch is not None:
                await loop.run_in_executor(self._disk, self._watch.follow, self._folders())
            await self._wait(poll_s)
            try:
                await self.sync()
            except EaselError as error:
                self._report(str(error))
            except Exception:  # the next look may be better
                logger.exception("the models cannot be followed")
            else:
                self._report("")

    def want(self, configs: Iterable[ModelConfig] | None, unloaded: Iterable[str] = ()) -> None:
        """Want exactly these models from the next look on; None for all of the store.

        Those named in *unloaded* are not loaded until ``load`` is asked for them.

        Raises:
            InvalidRequest: Two have one name.
        """
        wanted = None if configs is None else tuple(configs)
        names = [config.name for config in wanted or ()]
        for name in names:
            if names.count(name) > 1:
                raise InvalidRequest(f"the model {name} is named twice")
        self._configs = wanted
        for name in self.models.keys() & set(names):
            self.models[name].is_unloaded = False
            self.models[name].loads.forget()
        self._unloaded = set(unloaded)

    def wanted(self) -> tuple[tuple[ModelConfig, ...] | None, tuple[str, ...]]:
        """What ``want`` was told, with what has been loaded and unloaded since."""
        unloaded = {name for name, model in self.models.items() if model.is_unloaded}
        return self._configs, tuple(sorted(unloaded | self._unloaded))

    async def reconfigure(self, configs: Iterable[ModelConfig] | None) -> None:
        """Want exactly these models, and serve them; None for all of the store.

        A model that is not named is unloaded.  One that cannot be served as it is wanted
        keeps the versions that it has, and is tried again like any other.

        Raises:
            InvalidRequest: Two have one name.
            DeploymentRefused: A folder, a version or a label's version cannot be had.
        """
        wanted = None if configs is None else tuple(configs)
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._disk, _check_folders, wanted or ())
        self.want(wanted)
        await self.sync()
        await self.settled()
        problems = [_shortfall(self.models[config.name]) for config in wanted or ()]
        if any(problems):
            raise DeploymentRefused("; ".join(problem for problem in problems if problem))

    async def load(self, name: str) -> None:
        """Load a model of the list or the store, or look at it again.

        Raises:
            ServableNotFound: There is no such model.
            DeploymentRefused: None of its versions can be served.
        """
        check_name(name)
        self._unloaded.discard(name)
        if name in self.models:
            self.models[name].is_unloaded = False
            self.models[name].loads.forget()
        elif self._configs is not None:
            loop = asyncio.get_running_loop()
            if await loop.run_in_executor(self._disk, self._store.versions, name):
                self._configs = (*self._configs, store_config(self._store, name))
        await self.sync()
        model = self.models.get(name)
        if model is None:
            raise ServableNotFound(f"there is no model {name} in the store")
        await model.settled()
        if model.live is None:
            raise DeploymentRefused(_shortfall(model))

    def unload(self, name: str) -> None:
        """Take no new calls for a model, until ``load``; those that have begun finish.

        Raises:
            ServableNotFound: There is no such model.
        """
        if name not in self.models:
            raise ServableNotFound(f"there is no model {name}")
        self.models[name].unload()

    def close(self) -> None:
        """End the threads and free every version."""
        if self._watch is not None:
            self._watch.close()
        self._disk.shutdown(wait=False, cancel_futures=True)
        for model in (*self.models.values(), *self.gone.values()):
            model.close()

    async def _wait(self, poll_s: float) -> None:
        """Until the next look is due."""
        now = self._workshop.clock()
        retry_at = min((each.loads.retry_at() for each in self.models.values()), default=inf)
        pause_s = max(min(poll_s if poll_s > 0 else inf, retry_at - now), 0.0)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), None if pause_s == inf else pause_s)
        self._wake.clear()

    def _folders(self) -> list[Path]:
        if self._configs is None:
            return [self._store.root]
        return [config.folder for config in self._configs]

    def _model(self, config: ModelConfig) -> ServedModel:
        model = self.models.get(config.name)
        if model is None:
            model = self.gone.pop(config.name, None) or ServedModel(config, self._workshop)
            model.is_unloaded = config.name in self._unloaded
            self._unloaded.discard(config.name)
            self.models[config.name] = model
        return model

    def _drop(self, names: Iterable[str]) -> None:
        for name in names:
            logger.info("%s is wanted no more", name)
            model = self.gone[name] = self.models.pop(name)
            model.unload()
        for name in tuple(self.gone)[:-_MAX_GONE]:
            del self.gone[name]

    def _report(self, problem: str) -> None:
        if problem and problem != self._problem:
            logger.error("%s; what is loaded is served", problem)
        elif self._problem and not problem:
            logger.info("the models can be read again")
        self._problem = problem


def _look_at_all(
    store: Store,
    configs: tuple[ModelConfig, ...] | None,
    failed: Mapping[str, tuple[int, ...]],
) -> Looks:
    """What is wanted and what there is of it; the keys of *failed* are what is served."""
    if configs is None:
        names = {*store.models(), *(name for name in failed if store.model(name).path.is_dir())}
        if not names and failed:  # as a file system looks that is not mounted
            raise ServableNotFound(f"there is no model left in {store.root}")
        configs = tuple(store_config(store, name) for name in sorted(names))
    return [(config, look(config, failed.get(config.name, ()))) for config in configs]


def _check_folders(configs: Iterable[ModelConfig]) -> None:
    for config in configs:
        if not config.folder.is_dir():
            raise DeploymentRefused(
                f"Could not find base path {config.folder} for servable {config.name}"
            )


def _shortfall(model: ServedModel) -> str:
    """What of a model's configuration is not served; empty when nothing."""
    live = model.live.versions.keys() if model.live else set()
    wanted = model.config.policy.versions if isinstance(model.config.policy, Specific) else ()
    missing = sorted(set(wanted) - live)
    if live and not missing and not model.loads.reason():
        return model.problem
    what = ", ".join(f"{{{model.config.name}, {number}}}" for number in missing)
    why = model.loads.reason() or model.problem or "there is no such version"
    return f"{what or model.config.name} did not become available: {why}"
