"""What of the server's behaviour is shown where, as the settings want it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType

from model_store.errors import InvalidRequest
from serving.config import ServerConfig
from serving.crew.crew import Alone, Crew
from serving.engine.engine import Engine
from serving.observing.access_log import AccessLog
from serving.observing.histograms import Histograms
from serving.observing.metrics import metrics_api
from serving.observing.recorder import recorder
from serving.observing.sharing import Counts, Place, Shared
from serving.services.http import HttpApi
from serving.services.observation import Observe


@dataclass(frozen=True, slots=True)
class Observing:
    """The running observers.

    Attributes:
        observe: For the transport.
        metrics: The page for scrapers.
        ends: What is to be done before the process ends, in this order.
    """

    observe: Observe
    metrics: HttpApi
    ends: tuple[Callable[[], object], ...]

    def close(self) -> None:
        """Write and send the rest."""
        for end in self.ends:
            end()


def start_observing(
    config: ServerConfig, engine: Engine, place: Place | None = None, crew: Crew | None = None
) -> Observing:
    """Begin to count, and to log and trace where the settings say so.

    Args:
        config: The settings.
        engine: Whose models are counted.
        place: Among the workers that share the ports; None for a process alone.
        crew: Tells the models' state on the page.

    Raises:
        InvalidRequest: The log cannot be opened, or tracing is not installed.
    """
    histograms = Histograms()
    others: list[Observe] = []
    ends: list[Callable[[], object]] = []
    counts: Callable[[], Counts] = histograms.counts
    if place is not None:
        shared = Shared(place, histograms)
        counts = shared.all
        writing = asyncio.create_task(shared.write_for_ever())
        ends += [writing.cancel, shared.write]
    if config.access_log:
        log = _open_log(config.access_log)
        others.append(log.observe)
        ends.append(log.close)
    if config.otlp_endpoint:
        tracer = _tracing().Tracer(config.otlp_endpoint, config.trace_ratio)
        others.append(tracer.observe)
        ends.append(tracer.close)
    served = _Names(engine)
    return Observing(
        recorder(histograms, served.has, others),
        metrics_api(counts, crew or Alone(engine)),
        tuple(ends),
    )


@dataclass(frozen=True, slots=True)
class _Names:
    """Names under which calls may be counted."""

    engine: Engine

    def has(self, name: str) -> bool:
        """Whether a model of that name is known."""
        return name in self.engine.models()


def _open_log(target: str) -> AccessLog:
    try:
        return AccessLog(target)
    except OSError as error:
        raise InvalidRequest(f"the access log cannot be opened: {error}") from error


def _tracing() -> ModuleType:
    try:
        return import_module("serving.observing.tracing")
    except ImportError as error:
        raise InvalidRequest(
            "--otlp_endpoint needs OpenTelemetry: pip install 'easel[serving,tracing]'"
        ) from error
