"""The server as one application: its gRPC methods, its HTTP APIs, and what they share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from model_store.errors import InvalidRequest
from serving.config import ServerConfig
from serving.crew.crew import Alone, Crew
from serving.engine.deployment import ModelConfig
from serving.engine.engine import Engine
from serving.engine.machine import Machine, read_machine
from serving.engine.regions import Regions
from serving.mirroring import local_store
from serving.observing.setup import Observing
from serving.services import oip_http, tfs_rest
from serving.services.control import ModelControl, read_control
from serving.services.health import health_apis, health_methods
from serving.services.http import HttpApis
from serving.services.methods import Methods
from serving.services.oip import oip_methods
from serving.services.oip_regions import Sharing
from serving.services.openapi import openapi_apis
from serving.services.reflection import reflection_methods
from serving.services.tfs import tfs_methods
from serving.services.tfs_reload import reload_methods
from serving.transport.app import AsgiApp
from serving.transport.memory import Memory
from serving.transport.options import Options
from serving.wanted import monitoring_of

# Tensors, runs and answers take as much again and more.
_INFLIGHT_SHARE = 4
_USUAL_MEMORY = 4 << 30

# The models that the operator names, asked anew each time: their list may change.
NamedModels = Callable[[], Iterable[ModelConfig]]


@dataclass(frozen=True, slots=True)
class Models:
    """Who controls the models, which of them the operator names, and whose memory they may read."""

    crew: Crew
    named: NamedModels = tuple
    regions: Regions = field(default_factory=Regions)


def build_control(config: ServerConfig) -> ModelControl:
    """Who may load and unload models.

    Raises:
        InvalidRequest: The settings contradict each other, or the token cannot be read.
    """
    return read_control(
        is_on=config.model_control,
        token=config.model_control_token,
        token_file=config.model_control_token_file,
    )


def inflight_bytes(config: ServerConfig, machine: Machine) -> int:
    """What the requests in one process may take: of what there is a quarter, for all of them."""
    if config.max_inflight_bytes > 0:
        return config.max_inflight_bytes
    memory = machine.memory_bytes or _USUAL_MEMORY
    return memory // (_INFLIGHT_SHARE * max(config.workers, 1))


def build_methods(
    config: ServerConfig, engine: Engine, models: Models, sharing: Sharing
) -> Methods:
    """Every gRPC method by its full path."""
    control, crew = build_control(config), models.crew
    reload = reload_methods(crew, control, local_store(config), models.named)
    inference = oip_methods(engine, control, crew, sharing)
    methods = {**tfs_methods(engine, crew), **reload, **inference}
    methods = {**methods, **health_methods(crew, methods)}
    return {**methods, **reflection_methods(methods)} if config.enable_reflection else methods


def build_apis(
    config: ServerConfig, engine: Engine, observing: Observing, crew: Crew, sharing: Sharing
) -> HttpApis:
    """Every HTTP API by the first part of its path.

    Raises:
        InvalidRequest: The path for Prometheus is another API's.
    """
    apis = {
        **health_apis(crew),
        **openapi_apis(),
        "metrics": observing.metrics,
        "monitoring": observing.metrics,  # TF Serving's /monitoring/prometheus/metrics
        "v1": tfs_rest.tfs_http_api(engine, crew),
        "v2": oip_http.oip_http(engine, build_control(config), crew, sharing),
    }
    page = monitoring_of(config).path or "/metrics"
    if apis.setdefault(page.split("/")[1], observing.metrics) is not observing.metrics:
        raise InvalidRequest(f"monitoring_config_file: {page} is a path of another API")
    return apis


def build_app(
    config: ServerConfig, engine: Engine, observing: Observing, models: Models | None = None
) -> AsgiApp:
    """The application over *engine*, for any ASGI server; without *models* it is alone."""
    models = models or Models(Alone(engine))
    memory = Memory(inflight_bytes(config, read_machine()))
    sharing = Sharing(models.regions, memory, config.max_message_bytes)
    options = Options(
        max_message_bytes=config.max_message_bytes,
        max_calls=config.max_calls,
        memory=memory,
        http_timeout_s=config.rest_api_timeout_in_ms / 1e3 or None,
        allows_cors=config.enable_cors_support,
        observe=observing.observe,
        runs_model=_runs_model,
    )
    apis = build_apis(config, engine, observing, models.crew, sharing)
    return AsgiApp(build_methods(config, engine, models, sharing), apis, options)


@lru_cache(maxsize=256)
def _runs_model(path: str) -> bool:
    return tfs_rest.runs_model(path) if path[1:3].lower() == "v1" else oip_http.runs_model(path)
