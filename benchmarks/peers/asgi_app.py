"""``easel serve``'s ASGI application alone, for the ASGI servers it could run under.

Loads the models at lifespan's start, which every such server offers; the command itself
does it beside its server.
"""

from __future__ import annotations

import os

from benchmarks.inputs import STORE_VARIABLE
from serving.application import build_app
from serving.config import ServerConfig
from serving.observing.setup import start_observing
from serving.server import build_engine
from serving.transport.asgi import Event, Receive, Send

_config = ServerConfig(store=os.environ[STORE_VARIABLE])
_engine = build_engine(_config)
_app = build_app(_config, _engine, start_observing(_config, _engine, None))


async def app(scope: Event, receive: Receive, send: Send) -> None:
    """Answer one request, or live through the server's life."""
    if scope["type"] != "lifespan":
        await _app(scope, receive, send)
        return
    await receive()
    await _engine.load_all()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    _engine.close()
    await send({"type": "lifespan.shutdown.complete"})
