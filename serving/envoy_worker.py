"""What Envoy's Python runs: the ASGI application ``app``, made from the environment.

Started by ``serving.transports.envoy`` and by nothing else; an entry module, so it may
read the environment.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from pathlib import Path

from model_store.settings import from_json
from serving.assembly import build_engine, build_methods, loaded_report
from serving.config import ServerConfig
from serving.engine.engine import Engine
from serving.transports.asgi import AsgiApp, Event, Receive, Send
from serving.transports.control import Worker

CONFIG_VARIABLE = "EASEL_WORKER_CONFIG"
CONTROL_VARIABLE = "EASEL_WORKER_CONTROL"

logger = logging.getLogger(__name__)


class WorkerApp:
    """The ASGI application with its lifespan: load at the start, obey the supervisor."""

    def __init__(self, config: ServerConfig, control: Path) -> None:
        self._config = config
        self._control = control
        self._engine: Engine | None = None
        self._app: AsgiApp | None = None
        self._obeying: asyncio.Task[None] | None = None

    async def __call__(self, scope: Event, receive: Receive, send: Send) -> None:
        """Answer a request, or the server's word about its own life."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif self._app is not None:
            await self._app(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        worker = await Worker.connect(self._control)
        self._engine = build_engine(self._config)
        self._app = AsgiApp(
            build_methods(self._engine),
            lambda: self._engine is not None and self._engine.is_ready,
            max_message_bytes=self._config.max_message_bytes,
        )
        await self._engine.load_all()
        await send({"type": "lifespan.startup.complete"})
        await worker.send(loaded_report(self._engine))
        self._obeying = asyncio.get_running_loop().create_task(self._obey(worker))
        await receive()
        self._obeying.cancel()
        worker.close()
        self._engine.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _obey(self, worker: Worker) -> None:
        await worker.obey(self._drain)
        logger.error("the supervisor is gone; ending")
        os.kill(os.getpid(), signal.SIGTERM)

    async def _drain(self) -> None:
        """Be ready no more, then wait until nothing is in flight for a moment."""
        assert self._engine is not None and self._app is not None
        self._engine.drain()
        quiet_since = time.monotonic()
        while time.monotonic() - quiet_since < _QUIET_S:
            await asyncio.sleep(0.02)
            if self._app.in_flight:
                quiet_since = time.monotonic()


_QUIET_S = 0.3

logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
app = WorkerApp(
    from_json(ServerConfig, os.environ[CONFIG_VARIABLE]), Path(os.environ[CONTROL_VARIABLE])
)
