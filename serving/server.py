"""The server process: an engine, its methods and APIs, and the sockets they are reached by."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from model_store.store import Store
from serving.api.warmup import read_warmup
from serving.config import ServerConfig
from serving.engine.engine import Engine, State
from serving.engine.limits import BatchLimits, checked
from serving.engine.loading import LifecycleOptions
from serving.engine.machine import Machine, read_machine
from serving.engine.servable import LoadOptions
from serving.engine.threads import ThreadPlan, choose, widest_bytes
from serving.listeners import Listening
from serving.observing.setup import Observing, start_observing
from serving.observing.sharing import Place
from serving.services.control import ModelControl, read_control
from serving.services.health import health_apis, health_methods
from serving.services.http import HttpApis
from serving.services.methods import Methods
from serving.services.oip import oip_methods
from serving.services.oip_http import oip_http
from serving.services.reflection import reflection_methods
from serving.services.tfs import tfs_methods
from serving.services.tfs_reload import reload_methods
from serving.services.tfs_rest import tfs_http_api
from serving.transport.app import AsgiApp
from serving.transport.options import Options
from serving.transport.sockets import Listeners, address_of, listening

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Started:
    """What a start has come to.

    Attributes:
        address: ``host:port`` of gRPC's port.
        http: The same of HTTP's; either protocol is answered on both.
        local: Path of the Unix domain socket; empty without one.
        is_encrypted: Whether the ports speak TLS.
        ready: Servables that can be called, as ``numbers/1``.
        failed: Servables that cannot, and why.
    """

    address: str
    http: str
    local: str
    is_encrypted: bool
    ready: tuple[str, ...]
    failed: tuple[tuple[str, str], ...]


def build_engine(config: ServerConfig) -> Engine:
    """An engine with nothing loaded yet."""
    machine = read_machine()
    plan = plan_of(config, machine)
    limits = BatchLimits(
        max_rows=config.max_batch_rows,
        max_waiting_rows=config.max_waiting_rows,
        max_queue_s=config.max_queue_s,
        lanes=plan.lanes,
    )
    lifecycle = LifecycleOptions(
        poll_s=config.file_system_poll_wait_seconds,
        max_retries=config.max_num_load_retries,
        retry_interval_s=config.load_retries_interval_micros / 1e6,
        drain_s=config.drain_s,
    )
    options = LoadOptions(
        plan.intra_op_threads,
        checked(limits),
        plan.wide_threads,
        widest_bytes(machine),
        read_warmup,
    )
    return Engine(Store(config.store), options, lifecycle)


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


def build_methods(config: ServerConfig, engine: Engine) -> Methods:
    """Every gRPC method by its full path."""
    control = build_control(config)
    reload = reload_methods(engine, control, config.store)
    methods = {**tfs_methods(engine), **reload, **oip_methods(engine, control)}
    methods = {**methods, **health_methods(engine, methods)}
    return {**methods, **reflection_methods(methods)} if config.enable_reflection else methods


def build_apis(config: ServerConfig, engine: Engine, observing: Observing) -> HttpApis:
    """Every HTTP API by the first part of its path."""
    return {
        **health_apis(engine),
        "metrics": observing.metrics,
        "monitoring": observing.metrics,  # TF Serving's /monitoring/prometheus/metrics
        "v1": tfs_http_api(engine),
        "v2": oip_http(engine, build_control(config)),
    }


def build_app(config: ServerConfig, engine: Engine, observing: Observing) -> AsgiApp:
    """The application over *engine*, for any ASGI server."""
    options = Options(
        max_message_bytes=config.max_message_bytes,
        max_calls=config.max_calls,
        http_timeout_s=config.rest_api_timeout_in_ms / 1e3 or None,
        allows_cors=config.enable_cors_support,
        observe=observing.observe,
    )
    return AsgiApp(build_methods(config, engine), build_apis(config, engine, observing), options)


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
    engine = build_engine(config)
    observing = start_observing(config, engine, place)
    app = build_app(config, engine, observing)
    ports = (config.port, config.rest_api_port)
    path = config.grpc_socket_path
    with listening(config.host, ports, path, shares_ports=place is not None) as sockets:
        servers = Listening(app, config, sockets)
        try:
            await servers.start()
            following = asyncio.create_task(_follow(config, engine, sockets, announce))
            stopping = asyncio.create_task(stop.wait())
            await asyncio.wait([following, stopping], return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            if following.done():
                following.result()
            following.cancel()
            engine.drain()  # health says no first
        finally:
            await servers.drain()
            observing.close()
            engine.close()


async def _follow(
    config: ServerConfig,
    engine: Engine,
    sockets: Listeners,
    announce: Callable[[Started], None],
) -> None:
    """Load everything, say so, and follow the disk from then on."""
    await engine.load_all()
    announce(_started(config, engine, sockets))
    await engine.watch()


def _started(config: ServerConfig, engine: Engine, sockets: Listeners) -> Started:
    statuses = [status for name in engine.models() for status in engine.statuses(name)]
    return Started(
        address_of(sockets.ports[0]),
        address_of(sockets.ports[1]),
        config.grpc_socket_path,
        is_encrypted=bool(config.tls_certificate),
        ready=tuple(str(each.model) for each in statuses if each.state is State.AVAILABLE),
        failed=tuple((str(each.model), each.error) for each in statuses if each.error),
    )
