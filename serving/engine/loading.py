"""Loads of one model's versions: beside the calls, counted, and tried again when they fail.

On the event loop but for ``Loader``, which has a thread of its own: neither the loop nor
the threads that run calls wait for it.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Protocol

from model_store.errors import EaselError
from model_store.spec import ModelVersion
from serving.engine.deployment import Found, ModelConfig, fingerprint
from serving.engine.servable import Servable
from serving.engine.status import LoadCounts, State, VersionStatus

logger = logging.getLogger(__name__)

# Unloaded and failed versions that stay in a model's status.
MAX_ENDED = 8


class Loader(Protocol):
    """Loads one version."""

    def __call__(self, config: ModelConfig, number: int) -> Servable:
        """Load, warm and check one version; blocking, and never on the event loop.

        Raises:
            EaselError: It cannot be served; the message says why.
        """
        ...


@dataclass(frozen=True, slots=True)
class LifecycleOptions:
    """When things happen to versions.

    Attributes:
        poll_s: Seconds between looks at the folders; 0 for one look, at the start.
        max_retries: How often a load that failed is tried again, unless its files change.
        retry_interval_s: Seconds between these.
        drain_s: Seconds that calls have to finish before their version is unloaded.
    """

    poll_s: float = 1.0
    max_retries: int = 5
    retry_interval_s: float = 60.0
    drain_s: float = 20.0


@dataclass(frozen=True, slots=True)
class Workshop:
    """What loads and unloads: the function, its thread, the rules, a clock for retries."""

    load: Loader
    executor: Executor
    options: LifecycleOptions
    clock: Callable[[], float]


@dataclass(frozen=True, slots=True)
class Failure:
    """A load that failed: how often, why, what its files looked like, when to try again."""

    times: int
    reason: str
    print: str
    retry_at: float


class Loads:
    """The loads of one model, and where its versions are.

    Attributes:
        counts: What has happened so far.
    """

    def __init__(self, name: str, workshop: Workshop) -> None:
        self.counts = LoadCounts()
        self._name = name
        self._workshop = workshop
        self._statuses: dict[int, VersionStatus] = {}
        self._failures: dict[int, Failure] = {}

    def statuses(self) -> tuple[VersionStatus, ...]:
        """Every version that was tried, ascending; of those that ended the last few."""
        return tuple(status for _, status in sorted(self._statuses.items()))

    def show(self, number: int, state: State, error: str = "") -> VersionStatus:
        """Put a version's state on display."""
        status = VersionStatus(ModelVersion(self._name, number), state, error)
        self._statuses.pop(number, None)  # so that the oldest news come first
        self._statuses[number] = status
        ended = [
            other
            for other, each in self._statuses.items()
            if each.state is State.END and other not in self._failures
        ]
        for other in ended[:-MAX_ENDED]:
            del self._statuses[other]
        return status

    def is_shown(self, status: VersionStatus) -> bool:
        """Whether nothing has been shown of a version since *status*."""
        return self._statuses.get(status.model.number) is status

    def failures(self) -> tuple[int, ...]:
        """Versions that are wanted and could not be loaded."""
        return tuple(self._failures)

    def reason(self) -> str:
        """Why the newest of these could not be."""
        return self._failures[max(self._failures)].reason if self._failures else ""

    def retry_at(self) -> float:
        """When the next is to be tried again, on the workshop's clock; inf for never."""
        return min((each.retry_at for each in self._failures.values()), default=math.inf)

    def forget(self, *, but: Iterable[int] = ()) -> None:
        """Forget the failures of all versions but these: they would be tried at once."""
        self._failures = {
            number: self._failures[number] for number in but if number in self._failures
        }

    def is_due(self, number: int, found: Found) -> bool:
        """Whether a version is to be loaded now, being on disk and not loaded."""
        failure = self._failures.get(number)
        if failure is not None and found.prints.get(number, failure.print) != failure.print:
            del self._failures[number]  # its files changed: the count begins anew
            return True
        return failure is None or failure.retry_at <= self._workshop.clock()

    async def load(self, config: ModelConfig, number: int) -> Servable | None:
        """Load one version; None when it failed, with the reason on display and in the log."""
        clock = self._workshop.clock
        begun = clock()
        self.show(number, State.LOADING)
        outcome = await asyncio.get_running_loop().run_in_executor(
            self._workshop.executor, _attempt, self._workshop.load, config, number
        )
        if isinstance(outcome, Servable):
            self._failures.pop(number, None)
            self.counts.loads += 1
            self.counts.last_load_s = clock() - begun
            return outcome
        self._note_failure(number, *outcome)
        return None

    def _note_failure(self, number: int, reason: str, seen: str) -> None:
        options, before = self._workshop.options, self._failures.get(number)
        times = 1 if before is None else before.times + 1
        wait_s = options.retry_interval_s if times <= options.max_retries else math.inf
        self._failures[number] = Failure(times, reason, seen, self._workshop.clock() + wait_s)
        self.counts.failed_loads += 1
        self.show(number, State.END, reason)


def _attempt(load: Loader, config: ModelConfig, number: int) -> Servable | tuple[str, str]:
    """The servable; or why there is none, and what the files looked like before."""
    model, seen = ModelVersion(config.name, number), ""
    try:
        seen = fingerprint(config.model_folder.folder(number))
        return load(config, number)
    except EaselError as error:
        logger.error("%s is not served: %s", model, error)
        return str(error), seen
    except Exception as error:  # one bad version must not end the others' service
        logger.exception("%s is not served", model)
        return str(error) or type(error).__name__, seen
