"""The supervisor of an Envoy that runs our ASGI application in its own process.

pyvoy embeds Python in Envoy: Envoy has the sockets and HTTP/2, the application's event
loop has the calls.  A signal would cut calls in flight, so the signals end here, and the
worker is drained before Envoy is told to stop.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import tempfile
import urllib.request
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from model_store.errors import EaselError
from model_store.settings import to_json
from serving.config import ServerConfig
from serving.transports.control import Report, Supervisor

logger = logging.getLogger(__name__)

Announce = Callable[[Report, str], None]

_CONFIG_VARIABLE = "EASEL_WORKER_CONFIG"
_CONTROL_VARIABLE = "EASEL_WORKER_CONTROL"
_START_S = 60.0
_LISTENER_DRAIN_S = 1


def why_not() -> str:
    """Why Envoy cannot run here, or nothing when it can."""
    if find_spec("pyvoy") is None:
        return "pyvoy is not installed"
    from find_libpython import candidate_paths

    if not any(Path(path).exists() and "libpython" in path for path in candidate_paths()):
        return "this Python has no shared library (libpython); Debian's package is libpython3-dev"
    return ""


async def serve(config: ServerConfig, stop: asyncio.Event, announce: Announce) -> None:
    """Serve until *stop* is set, then drain.

    Args:
        config: The settings.
        stop: Set by the caller's signal handlers.
        announce: Called once when everything is loaded, with the address to call.

    Raises:
        EaselError: Envoy or the worker ended by itself.
    """
    supervisor = Supervisor()
    with tempfile.TemporaryDirectory(prefix="easel-") as folder:
        control = Path(folder) / "control"
        await supervisor.listen(control)
        server = _server(config, control)
        await server.start()
        try:
            async with asyncio.timeout(_START_S):
                report = await _unless_ended(supervisor.next_report(), server)
            announce(report, f"{config.host}:{server.listener_port}")
            await _unless_ended(stop.wait(), server)
            await _drain(config, supervisor, server)
        except TimeoutError as error:
            raise EaselError(f"the server did not start within {_START_S:.0f} s") from error
        finally:
            await server.stop()
            supervisor.close()


def _server(config: ServerConfig, control: Path) -> Any:
    from pyvoy import PyvoyServer

    class EaselEnvoy(PyvoyServer):
        """Envoy with the limits of a model server instead of a web page's."""

        def get_envoy_config(self) -> dict[str, Any]:
            envoy: dict[str, Any] = super().get_envoy_config()
            for listener in envoy["static_resources"]["listeners"]:
                manager = listener["filter_chains"][0]["filters"][-1]["typed_config"]
                # A health watch may say nothing for hours.
                manager["stream_idle_timeout"] = "0s"
                # A client that never finishes its headers holds a connection.
                manager["request_headers_timeout"] = "10s"
            return envoy

    return EaselEnvoy(
        "serving.envoy_worker:app",
        address=config.host,
        port=config.port,
        lifespan=True,
        log_level="error",
        additional_envoy_args=[
            "--concurrency", str(min(2, os.cpu_count() or 1)),
            "--drain-time-s", str(_LISTENER_DRAIN_S),
            "--drain-strategy", "immediate",
        ],
        env={
            _CONFIG_VARIABLE: to_json(config),
            _CONTROL_VARIABLE: str(control),
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        },
        stdout=None,
        stderr=None,
    )  # fmt: skip


async def _unless_ended(wanted: Any, server: Any) -> Any:
    """Await *wanted*, but not longer than Envoy lives."""
    waiting = asyncio.ensure_future(wanted)
    ended = asyncio.ensure_future(server.wait())
    try:
        await asyncio.wait([waiting, ended], return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done():
            raise EaselError(f"Envoy ended by itself with status {ended.result()}")
        return waiting.result()
    finally:
        waiting.cancel()
        ended.cancel()


async def _drain(config: ServerConfig, supervisor: Supervisor, server: Any) -> None:
    """Readiness off, no new connections, the calls in flight to their end."""
    try:
        async with asyncio.timeout(config.drain_s):
            supervisor.drain()
            # Goes on taking connections for the drain time and asks clients to go elsewhere.
            await asyncio.to_thread(_drain_listeners, server)
            await asyncio.sleep(_LISTENER_DRAIN_S)
            while (await supervisor.next_report()).event != "drained":
                pass
    except TimeoutError:
        logger.warning("calls were still running after %g s and are cut", config.drain_s)


def _drain_listeners(server: Any) -> None:
    # pyvoy keeps the address of Envoy's own admin page to itself.
    url = f"http://{server._admin_address}/drain_listeners?graceful&skip_exit"  # noqa: SLF001
    with urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=5) as answer:
        answer.read()
