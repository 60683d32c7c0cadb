"""One model's versions: loaded beside the live ones, cut over, drained, unloaded.

Lives on the event loop; what blocks happens in the workshop's thread.
"""

from __future__ import annotations

import asyncio
import logging
import weakref
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from model_store.spec import ModelVersion
from serving.engine.deployment import Found, Identity, Latest, ModelConfig, wanted_versions
from serving.engine.loading import Loads, Workshop
from serving.engine.servable import Servable
from serving.engine.session import LoadedModel
from serving.engine.status import State, VersionStatus
from serving.engine.unloading import unload

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Live:
    """What calls see of a model: exchanged whole, so that none sees half a change.

    Attributes:
        default: Answers calls that name neither version nor version label.
        versions: Everything that can be called.
        labels: Version labels; one may name a version that cannot be called.
    """

    default: Servable
    versions: Mapping[int, Servable]
    labels: Mapping[str, int]


class ServedModel:
    """One model: what is wanted of it, what is loaded, and what calls see.

    Attributes:
        config: What is wanted; ``follow`` changes it.
        live: What calls see; None while nothing can be called.
        loads: What has been tried, and how it went.
        is_unloaded: Nothing is wanted, whatever the configuration says.
        has_tried: Whether a first attempt to serve it has ended, well or badly.
        problem: What of the configuration could not be done; empty when nothing.
    """

    def __init__(self, config: ModelConfig, workshop: Workshop) -> None:
        self.config = config
        self.live: Live | None = None
        self.loads = Loads(config.name, workshop)
        self.is_unloaded = False
        self.has_tried = False
        self.problem = ""
        self._workshop = workshop
        self._servables: dict[int, Servable] = {}
        self._identities: dict[int, Identity] = {}
        # Whose place on disk another has taken; live until that can be.
        self._stale: list[Servable] = []
        self._next: tuple[ModelConfig, Found] | None = None
        self._following: asyncio.Task[None] | None = None
        self._unloading: dict[asyncio.Task[None], LoadedModel] = {}

    def follow(self, config: ModelConfig, found: Found) -> None:
        """Make what is loaded equal to what is wanted; ``settled`` waits for it.

        Args:
            config: What is wanted.
            found: What there is of it.
        """
        self._next = (config, found)
        if self._following is None or self._following.done():
            self._following = asyncio.get_running_loop().create_task(self._follow())

    async def settled(self) -> None:
        """Wait until there is nothing to load; old versions may still be draining."""
        if self._following is not None:
            await asyncio.wait([self._following])

    def unload(self) -> None:
        """Take no new calls, let the others finish, and want nothing until told otherwise."""
        self.is_unloaded = True
        self.live = None
        self.loads.forget()
        self._retire(self._servables.keys())

    def close(self) -> None:
        """End what is under way and free every version, without waiting for calls."""
        for task in (self._following, *self._unloading):
            if task is not None:
                task.cancel()
        for loaded in (
            *self._unloading.values(),
            *[servable.loaded for servable in (*self._servables.values(), *self._stale)],
        ):
            loaded.close()

    async def _follow(self) -> None:
        while self._next is not None:
            (config, found), self._next = self._next, None
            if config.model_folder != self.config.model_folder:
                self._outdate(tuple(self._servables))
                self.loads.forget()
            self.config = config
            seen = found.identities
            self._outdate(
                [
                    n
                    for n in self._servables
                    if seen.get(n, self._identities[n]) != self._identities[n]
                ]
            )
            try:
                await self._apply(found)
            except Exception:  # one model must not end the others' service
                logger.exception("%s stays as it is", self.config.name)
            self.has_tried = True

    def _outdate(self, numbers: Iterable[int]) -> None:
        self._stale.extend([self._servables.pop(number) for number in numbers])

    async def _apply(self, found: Found) -> None:
        if self.is_unloaded:
            return
        if found.versions is None:
            self._report(found.problem)
            return
        labels = found.labels
        if labels is None:
            labels = {} if self.live is None else self.live.labels
        for number in {*wanted_versions(self.config, found.versions), *labels.values()}:
            if self._is_to_load(number, found):
                self.loads.show(number, State.START)
        tried = set(labels.values())
        chosen = await self._load_chosen(found, tried)
        for number in sorted(set(labels.values())):
            await self._ensure(number, found)
        if self.is_unloaded:  # meanwhile
            self.unload()
            return
        self.loads.forget(but=tried)
        self._cut_over(chosen, labels, found.problem)

    async def _load_chosen(self, found: Found, tried: set[int]) -> list[int]:
        """Load what the policy wants; in place of a newest that fails, the one before."""
        versions = found.versions or ()
        candidates = wanted_versions(self.config, versions)
        count = len(candidates)
        if isinstance(self.config.policy, Latest):
            # A version whose files are gone can still be better than none.
            gone = sorted(self._servables.keys() - set(versions))
            candidates, count = (*gone, *versions), self.config.policy.count
        chosen: list[int] = []
        for number in reversed(candidates):
            if len(chosen) == count:
                break
            tried.add(number)
            if await self._ensure(number, found):
                chosen.append(number)
        return chosen

    async def _ensure(self, number: int, found: Found) -> bool:
        """Whether a version is loaded, after loading it if it is due."""
        if self._is_to_load(number, found):
            servable = await self.loads.load(self.config, number)
            if servable is not None:
                self._servables[number] = servable
                self._identities[number] = found.identities[number]
        return number in self._servables

    def _is_to_load(self, number: int, found: Found) -> bool:
        return (
            number not in self._servables
            and not self.is_unloaded
            and number in (found.versions or ())
            and self.loads.is_due(number, found)
        )

    def _cut_over(self, chosen: list[int], wanted: Mapping[str, int], problem: str) -> None:
        labels, refused = self._assigned(wanted)
        self._report(problem or refused)
        keep = {*chosen, *labels.values()} & self._servables.keys()
        if not chosen:  # nothing that is wanted can be had: what there is stays
            keep = set(self._servables)
        if not keep:
            return
        default = self._servables.get(labels.get("stable", -1))
        if default is None:
            default = self._servables[max(chosen or keep)]
        before = self.live
        versions = {number: self._servables[number] for number in sorted(keep)}
        self.live = Live(default, versions, labels)
        for number, servable in versions.items():
            if before is None or before.versions.get(number) is not servable:
                self.loads.show(number, State.AVAILABLE)
                logger.info("%s is ready", servable.model)
        if before is not None and before.default is not default:
            self.loads.counts.swaps += 1
            logger.info("%s answers now, before it %s", default.model, before.default.model)
        self._retire(self._servables.keys() - keep)

    def _assigned(self, wanted: Mapping[str, int]) -> tuple[dict[str, int], str]:
        """What labels name; and why one of them names what it did before."""
        before = self.live.labels if self.live else {}
        labels, problem = {}, ""
        for label, number in wanted.items():
            labels[label] = number
            if number in self._servables:
                continue
            problem = (
                f"Request to assign label to version {number} of model {self.config.name}, "
                "which is not currently available for inference"
            )
            if before.get(label) in self._servables:
                labels[label] = before[label]
        return labels, problem

    def _report(self, problem: str) -> None:
        if problem and problem != self.problem:
            logger.error("%s: %s", self.config.name, problem)
        self.problem = problem

    def _retire(self, numbers: Iterable[int]) -> None:
        """Unload versions, and those of a former folder, when their calls have finished."""
        retired = [*self._stale, *[self._servables.pop(number) for number in tuple(numbers)]]
        self._stale = []
        while retired:
            servable = retired.pop()
            task = asyncio.get_running_loop().create_task(
                self._unload(weakref.ref(servable), servable.loaded, self._leaving(servable.model))
            )
            self._unloading[task] = servable.loaded
            task.add_done_callback(self._unloading.pop)

    def _leaving(self, model: ModelVersion) -> VersionStatus:
        if model.number in self._servables:  # from another folder
            return VersionStatus(model, State.UNLOADING)
        return self.loads.show(model.number, State.UNLOADING)

    async def _unload(
        self, servable: weakref.ref[Servable], loaded: LoadedModel, status: VersionStatus
    ) -> None:
        is_free = await unload(servable, loaded.close, self._workshop)
        self.loads.counts.unloads += 1
        if not is_free:
            self.loads.counts.forced_unloads += 1
            logger.warning("%s is unloaded under calls that did not end in time", status.model)
        if self.loads.is_shown(status):  # else it is wanted, or loaded, again
            self.loads.show(status.model.number, State.END)
