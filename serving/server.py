"""The server process: an engine, its methods and APIs, and the sockets they are reached by."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from model_store.errors import InvalidRequest
from model_store.store import Store
from serving.api.warmup import read_warmup
from serving.config import ServerConfig
from serving.engine.deployment import ModelConfig
from serving.engine.engine import Engine, State
from serving.engine.loading import LifecycleOptions
from serving.engine.machine import Machine, read_machine
from serving.engine.servable import LoadOptions
from serving.engine.threads import ThreadPlan, choose, widest_bytes
from serving.listeners import Listening
from serving.mirroring import Mirroring, local_store
from serving.observing.setup import Observing, start_observing
from serving.observing.sharing import Place
from serving.services.control import ModelControl, read_control
from serving.services.health import health_apis, health_methods
from serving.services.http import HttpApis
from serving.services.methods import Methods
from serving.services.oip import oip_methods
from serving.services.oip_http import oip_http
from serving.services.openapi import openapi_apis
from serving.services.reflection import reflection_methods
from serving.services.tfs import tfs_methods
from serving.services.tfs_reload import reload_methods
from serving.services.tfs_rest import tfs_http_api
from serving.transport.app import AsgiApp
from serving.transport.options import Options
from serving.transport.sockets import Listeners, address_of, listening
from serving.wanted import WantedModels, batching_of, limits_of, monitoring_of

logger = logging.getLogger(__name__)

# The models that the operator names, asked anew each time: their list may change.
NamedModels = Callable[[], Iterable[ModelConfig]]


@dataclass(frozen=True, slots=True)
class Started:
    """What a start has come to.

    Attributes:
        address: ``host:port`` of gRPC's port.
        http: The same of HTTP's; either protocol is answered on both.
        local: Path of the Unix domain socket; empty without one.
        is_encrypted: Whether gRPC's port speaks TLS.
        is_http_encrypted: Whether HTTP's does.
        ready: Servables that can be called, as ``numbers/1``.
        failed: Servables that cannot, and why.
    """

    address: str
    http: str
    local: str
    is_encrypted: bool
    is_http_encrypted: bool
    ready: tuple[str, ...]
    failed: tuple[tuple[str, str], ...]


def build_engine(config: ServerConfig) -> Engine:
    """An engine with nothing loaded yet.

    Raises:
        InvalidRequest: The limits contradict themselves, or their file cannot be read.
    """
    machine = read_machine()
    plan = plan_of(config, machine)
    lifecycle = LifecycleOptions(
        poll_s=config.file_system_poll_wait_seconds,
        max_retries=config.max_num_load_retries,
        retry_interval_s=config.load_retries_interval_micros / 1e6,
        drain_s=config.drain_s,
    )
    options = LoadOptions(
        plan.intra_op_threads,
        limits_of(config, plan.lanes),
        plan.wide_threads,
        widest_bytes(machine),
        read_warmup,
    )
    if config.enable_per_model_batching_parameters:
        options = replace(options, read_batching=batching_of)
    return Engine(Store(local_store(config)), options, lifecycle)


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


def plan_of(config: ServerConfig, machine: Machine) -> ThreadPlan:
    """How one process of the server uses the machine's cores."""
    return choose(
        machine,
        lanes=config.lanes,
        intra_op_threads=config.intra_op_threads,
        workers=config.workers,
    )


def build_methods(config: ServerConfig, engine: Engine, named: NamedModels = tuple) -> Methods:
    """Every gRPC method by its full path."""
    control = build_control(config)
    reload = reload_methods(engine, control, local_store(config), named)
    methods = {**tfs_methods(engine), **reload, **oip_methods(engine, control)}
    methods = {**methods, **health_methods(engine, methods)}
    return {**methods, **reflection_methods(methods)} if config.enable_reflection else methods


def build_apis(config: ServerConfig, engine: Engine, observing: Observing) -> HttpApis:
    """Every HTTP API by the first part of its path.

    Raises:
        InvalidRequest: The path for Prometheus is another API's.
    """
    apis = {
        **health_apis(engine),
        **openapi_apis(),
        "metrics": observing.metrics,
        "monitoring": observing.metrics,  # TF Serving's /monitoring/prometheus/metrics
        "v1": tfs_http_api(engine),
        "v2": oip_http(engine, build_control(config)),
    }
    page = monitoring_of(config).path or "/metrics"
    if apis.setdefault(page.split("/")[1], observing.metrics) is not observing.metrics:
        raise InvalidRequest(f"monitoring_config_file: {page} is a path of another API")
    return apis


def build_app(
    config: ServerConfig, engine: Engine, observing: Observing, named: NamedModels = tuple
) -> AsgiApp:
    """The application over *engine*, for any ASGI server; *named* is what the operator names."""
    options = Options(
        max_message_bytes=config.max_message_bytes,
        max_calls=config.max_calls,
        http_timeout_s=config.rest_api_timeout_in_ms / 1e3 or None,
        allows_cors=config.enable_cors_support,
        observe=observing.observe,
    )
    apis = build_apis(config, engine, observing)
    return AsgiApp(build_methods(config, engine, named), apis, options)


async def serve(
    config: ServerConfig,
    stop: asyncio.Event,
    announce: Callable[[Started], None],
    *,
    place: Place | None = None,
) -> None:
    """Serve until *stop* is set, then drain.

    The port is open while models load, so that a health check can see "not ready".

    Args:
        config: The settings.
        stop: Set by the caller's signal handlers.
        announce: Called once, when everything is loaded.
        place: Among the processes of ours that listen on the same ports.
    """
    wanted, mirroring = WantedModels(config), Mirroring(config)
    engine = build_engine(config)
    observing = start_observing(config, engine, place)
    app = build_app(config, engine, observing, wanted.named)
    ports = (config.port, config.rest_api_port)
    path = config.grpc_socket_path
    with listening(config.host, ports, path, shares_ports=place is not None) as sockets:
        servers = Listening(app, config, sockets)
        try:
            await servers.start()
            following = asyncio.create_task(
                _follow(
                    mirroring,
                    wanted,
                    engine,
                    lambda: announce(_started(config, engine, sockets)),
                )
            )
            stopping = asyncio.create_task(stop.wait())
            await asyncio.wait([following, stopping], return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            if following.done():
                following.result()
            following.cancel()
            engine.drain()  # health says no first
        finally:
            await servers.drain()
            mirroring.close()
            observing.close()
            engine.close()


async def _follow(
    mirroring: Mirroring, wanted: WantedModels, engine: Engine, announce: Callable[[], None]
) -> None:
    """Load everything, say so, and follow bucket and disk from then on."""
    await mirroring.begin()
    await wanted.apply(engine)
    announce()
    await asyncio.gather(engine.watch(), wanted.follow(engine))


def _started(config: ServerConfig, engine: Engine, sockets: Listeners) -> Started:
    statuses = [status for name in engine.models() for status in engine.statuses(name)]
    return Started(
        address_of(sockets.ports[0]),
        address_of(sockets.ports[1]),
        config.grpc_socket_path,
        is_encrypted=bool(config.tls_certificate or config.ssl_config_file),
        is_http_encrypted=bool(config.tls_certificate),
        ready=tuple(str(each.model) for each in statuses if each.state is State.AVAILABLE),
        failed=tuple((str(each.model), each.error) for each in statuses if each.error),
    )
