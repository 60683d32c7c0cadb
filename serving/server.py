"""The server process: an engine, its methods, and h2corn under the ASGI application.

h2corn (Rust) has the sockets and HTTP/2, the event loop here has the calls.  Chosen by
measurement, see ``benchmarks/README.md``; the application runs under any ASGI server
with HTTP/2 and trailers.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from h2corn import Config, Server

from model_store.store import Store
from serving.config import ServerConfig
from serving.engine.engine import Engine, State
from serving.engine.limits import BatchLimits
from serving.engine.servable import LoadOptions
from serving.services.health import health_methods
from serving.services.methods import Methods
from serving.services.oip import oip_methods
from serving.services.tfs import tfs_methods
from serving.transport.asgi import AsgiApp

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Started:
    """What a start has come to.

    Attributes:
        address: ``host:port`` to call.
        ready: Servables that can be called, as ``numbers/1``.
        failed: Servables that cannot, and why.
    """

    address: str
    ready: tuple[str, ...]
    failed: tuple[tuple[str, str], ...]


def build_engine(config: ServerConfig) -> Engine:
    """An engine with nothing loaded yet."""
    limits = BatchLimits(
        max_rows=config.max_batch_rows,
        max_waiting_rows=config.max_waiting_rows,
        lanes=config.lanes,
    )
    return Engine(Store(config.store), LoadOptions(config.intra_op_threads, limits))


def build_methods(engine: Engine) -> Methods:
    """Every gRPC method by its full path."""
    methods = {**tfs_methods(engine), **oip_methods(engine)}
    return {**methods, **health_methods(engine, methods)}


async def serve(
    config: ServerConfig, stop: asyncio.Event, announce: Callable[[Started], None]
) -> None:
    """Serve until *stop* is set, then drain.

    The port is open while models load, so that a health check can see "not ready".

    Args:
        config: The settings.
        stop: Set by the caller's signal handlers.
        announce: Called once, when everything is loaded.
    """
    engine = build_engine(config)
    app = AsgiApp(
        build_methods(engine),
        lambda: engine.is_ready,
        max_message_bytes=config.max_message_bytes,
    )
    server = Server(app, _h2corn_config(config))
    serving = asyncio.create_task(server.serve())
    try:
        await _first_of(serving, server.wait_started())
        await engine.load_all()
        announce(_started(engine, server.addresses[0]))
        await _first_of(serving, stop.wait())
        # Health says no first; h2corn then refuses connections, tells the clients to go
        # elsewhere, and waits for the calls that have begun.
        engine.drain()
    finally:
        server.shutdown()
        await serving
        engine.close()


def _h2corn_config(config: ServerConfig) -> Config:
    return Config(
        bind=(f"{config.host}:{config.port}",),
        lifespan="off",
        grpc=True,
        access_log=False,
        max_concurrent_streams=1024,
        timeout_graceful_shutdown=config.drain_s,
        # A health watch may say nothing for hours.
        timeout_keep_alive=0.0,
    )


async def _first_of(serving: asyncio.Task[None], wanted: object) -> None:
    """Wait for *wanted*; if the server ends before it, raise what ended it."""
    waiting = asyncio.ensure_future(wanted)  # type: ignore[call-overload]
    await asyncio.wait([serving, waiting], return_when=asyncio.FIRST_COMPLETED)
    if not waiting.done():
        waiting.cancel()
        await serving


def _started(engine: Engine, address: str) -> Started:
    statuses = [status for name in engine.models() for status in engine.statuses(name)]
    return Started(
        address,
        ready=tuple(str(each.model) for each in statuses if each.state is State.AVAILABLE),
        failed=tuple((str(each.model), each.error) for each in statuses if each.error),
    )
