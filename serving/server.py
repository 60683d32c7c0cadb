"""The server process: an engine, its methods, and h2corn under the ASGI application.

h2corn (Rust) has the sockets and HTTP/2, the event loop here has the calls.  Chosen by
measurement, see ``benchmarks/README.md``; the application runs under any ASGI server
with HTTP/2 and trailers.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from h2corn import Config, Server

from model_store.store import Store
from serving.config import ServerConfig
from serving.engine.engine import Engine, State
from serving.engine.limits import BatchLimits, checked
from serving.engine.loading import LifecycleOptions
from serving.engine.machine import Machine, read_machine
from serving.engine.servable import LoadOptions
from serving.engine.threads import ThreadPlan, choose, widest_bytes
from serving.services.control import ModelControl, read_control
from serving.services.health import health_apis, health_methods
from serving.services.http import HttpApis
from serving.services.methods import Methods
from serving.services.oip import oip_methods
from serving.services.oip_http import oip_http
from serving.services.reflection import reflection_methods
from serving.services.tfs import tfs_methods
from serving.services.tfs_rest import tfs_http_api
from serving.transport.app import AsgiApp
from serving.transport.options import Options
from serving.transport.sockets import address_of, listening, refuse_more

logger = logging.getLogger(__name__)

# h2corn's accepting task must have ended before its sockets do, or it ends the drain.
_ACCEPTING_ENDS_S = 0.05


@dataclass(frozen=True, slots=True)
class Started:
    """What a start has come to.

    Attributes:
        address: ``host:port`` of gRPC's port.
        http: The same of HTTP's; either protocol is answered on both.
        ready: Servables that can be called, as ``numbers/1``.
        failed: Servables that cannot, and why.
    """

    address: str
    http: str
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
        plan.intra_op_threads, checked(limits), plan.wide_threads, widest_bytes(machine)
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
    methods = {**tfs_methods(engine), **oip_methods(engine, build_control(config))}
    methods = {**methods, **health_methods(engine, methods)}
    return {**methods, **reflection_methods(methods)} if config.enable_reflection else methods


def build_apis(config: ServerConfig, engine: Engine) -> HttpApis:
    """Every HTTP API by the first part of its path."""
    return {
        **health_apis(engine),
        "v1": tfs_http_api(engine),
        "v2": oip_http(engine, build_control(config)),
    }


def build_app(config: ServerConfig, engine: Engine) -> AsgiApp:
    """The application over *engine*, for any ASGI server."""
    options = Options(
        max_message_bytes=config.max_message_bytes,
        max_calls=config.max_calls,
        http_timeout_s=config.rest_api_timeout_in_ms / 1e3 or None,
        allows_cors=config.enable_cors_support,
    )
    return AsgiApp(build_methods(config, engine), build_apis(config, engine), options)


async def serve(
    config: ServerConfig,
    stop: asyncio.Event,
    announce: Callable[[Started], None],
    *,
    shares_ports: bool = False,
) -> None:
    """Serve until *stop* is set, then drain.

    The port is open while models load, so that a health check can see "not ready".

    Args:
        config: The settings.
        stop: Set by the caller's signal handlers.
        announce: Called once, when everything is loaded.
        shares_ports: Whether other processes of ours listen on the same ports.
    """
    engine = build_engine(config)
    app = build_app(config, engine)
    ports = (config.port, config.rest_api_port)
    with listening(config.host, ports, shares_ports=shares_ports) as sockets:
        server = Server(app, _h2corn_config(config, sockets))
        serving = asyncio.create_task(server.serve())
        try:
            await _first_of(serving, server.wait_started())
            following = asyncio.create_task(_follow(engine, sockets, announce))
            stopping = asyncio.create_task(stop.wait())
            await _first_of(serving, following, stopping)
            following.cancel()
            # Health says no first; then connections are refused, the clients told to go
            # elsewhere, and the calls that have begun are waited for.
            engine.drain()
        finally:
            server.shutdown()
            await asyncio.sleep(_ACCEPTING_ENDS_S)
            refuse_more(sockets)
            await serving
            engine.close()


def _h2corn_config(config: ServerConfig, sockets: Sequence[socket.socket]) -> Config:
    return Config(
        bind=tuple(dict.fromkeys(f"fd://{each.fileno()}" for each in sockets)),
        lifespan="off",
        grpc=True,
        access_log=False,
        max_concurrent_streams=1024,
        max_request_body_size=0,  # ours is max_message_bytes
        timeout_graceful_shutdown=config.drain_s,
        # A health watch may say nothing for hours.
        timeout_keep_alive=0.0,
    )


async def _follow(
    engine: Engine, sockets: Sequence[socket.socket], announce: Callable[[Started], None]
) -> None:
    """Load everything, say so, and follow the disk from then on."""
    await engine.load_all()
    announce(_started(engine, sockets))
    await engine.watch()


async def _first_of(*endings: Awaitable[object]) -> None:
    """Wait until one ends, and raise what ended it; the others go on."""
    tasks = [asyncio.ensure_future(each) for each in endings]
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for each in done:
        each.result()


def _started(engine: Engine, sockets: Sequence[socket.socket]) -> Started:
    statuses = [status for name in engine.models() for status in engine.statuses(name)]
    return Started(
        address_of(sockets[0]),
        address_of(sockets[1]),
        ready=tuple(str(each.model) for each in statuses if each.state is State.AVAILABLE),
        failed=tuple((str(each.model), each.error) for each in statuses if each.error),
    )
