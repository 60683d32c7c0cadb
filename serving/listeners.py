"""h2corn over our sockets: which settings each of them gets, and their common start and end.

One server has all the sockets, unless there is TLS: a Unix domain socket, whose callers the
file system knows, is never encrypted and gets a server of its own.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from pathlib import Path
from socket import socket
from typing import Any

from h2corn import Config, Server

from model_store.errors import InvalidRequest
from serving.config import ServerConfig
from serving.transport.app import AsgiApp
from serving.transport.sockets import Listeners, refuse_more

# h2corn's accepting tasks must have ended before their sockets do, or they end the drain.
_ACCEPTING_ENDS_S = 0.05


class Listening:
    """The running servers, which end together."""

    def __init__(self, app: AsgiApp, config: ServerConfig, listeners: Listeners) -> None:
        """Begin to serve.

        Raises:
            InvalidRequest: The TLS settings are incomplete, or a file of theirs is unusable.
        """
        tls = tls_options(config)
        local = listeners.local
        plain = [local] if tls and local is not None else []
        others = [each for each in listeners.each() if each not in plain]
        configs = [_h2corn_config(config, others, tls)]
        if plain:
            configs.append(_h2corn_config(config, plain, {}))
        self._listeners = listeners
        self._servers = [Server(app, each) for each in configs]
        self._tasks = [asyncio.create_task(server.serve()) for server in self._servers]

    async def started(self) -> None:
        """Wait until all of them take connections."""
        waiting = (asyncio.ensure_future(each.wait_started()) for each in self._servers)
        await self.unless_ended(asyncio.gather(*waiting))

    async def unless_ended(self, *wanted: asyncio.Future[Any]) -> None:
        """Wait until one of *wanted*, or a server, ends, and raise what ended it."""
        done, _ = await asyncio.wait([*wanted, *self._tasks], return_when=asyncio.FIRST_COMPLETED)
        for each in done:
            each.result()

    async def drain(self) -> None:
        """Refuse connections, tell the clients to go elsewhere, finish what has begun."""
        for server in self._servers:
            server.shutdown()
        await asyncio.sleep(_ACCEPTING_ENDS_S)
        refuse_more(self._listeners)
        await asyncio.gather(*self._tasks)


def _h2corn_config(config: ServerConfig, sockets: Sequence[socket], tls: dict[str, Any]) -> Config:
    return Config(
        bind=tuple(f"fd://{each.fileno()}" for each in sockets),
        lifespan="off",
        grpc=True,
        access_log=False,
        max_concurrent_streams=1024,
        max_request_body_size=0,  # ours is max_message_bytes
        timeout_graceful_shutdown=config.drain_s,
        # A health watch may say nothing for hours.
        timeout_keep_alive=0.0,
        **tls,
    )


def tls_options(config: ServerConfig) -> dict[str, Any]:
    """h2corn's options for TLS; empty without it.

    The files are read once here, because a wrong one must be named before the start.

    Raises:
        InvalidRequest: They are incomplete, or a file is unusable.
    """
    certificate, key, client_ca = config.tls_certificate, config.tls_key, config.tls_client_ca
    if not certificate and not key and not client_ca:
        return {}
    if not certificate or not key:
        raise InvalidRequest("TLS needs both --tls_certificate and --tls_key")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ValueError) as error:
        raise InvalidRequest(
            f"{certificate} and {key} are no certificate with its key: {error}"
        ) from error
    options: dict[str, Any] = {"certfile": Path(certificate), "keyfile": Path(key)}
    if client_ca:
        try:
            context.load_verify_locations(client_ca)
        except (OSError, ValueError) as error:
            raise InvalidRequest(f"{client_ca} holds no certificates: {error}") from error
        options |= {"ca_certs": Path(client_ca), "cert_reqs": "required"}
    return options
