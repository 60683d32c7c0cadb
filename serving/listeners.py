"""The sockets of one server process: which of them are encrypted, their common start and end."""

from __future__ import annotations

import ssl

from model_store.errors import InvalidRequest
from serving.config import ServerConfig
from serving.sockets.asgi import App
from serving.sockets.limits import Limits
from serving.sockets.server import ALPN, SocketServer
from serving.transport.sockets import Listeners


class Listening:
    """Answers on all of the listeners with one application."""

    def __init__(self, app: App, config: ServerConfig, listeners: Listeners) -> None:
        """Read the certificates; nothing is answered yet.

        Raises:
            InvalidRequest: The TLS settings are incomplete, or a file of theirs is unusable.
        """
        self._tls = tls_context(config)
        self._listeners = listeners
        self._grace_s = config.drain_s
        self._server = SocketServer(app, Limits(max_age_s=config.max_connection_age_s))

    async def start(self) -> None:
        """Take connections."""
        for port in dict.fromkeys(self._listeners.ports):
            await self._server.listen(port, self._tls)
        if self._listeners.local is not None:
            # Whoever may open it, the file system has said.
            await self._server.listen(self._listeners.local)

    async def drain(self) -> None:
        """Refuse connections, tell the clients to go elsewhere, finish what has begun."""
        await self._server.close(self._grace_s)


def tls_context(config: ServerConfig) -> ssl.SSLContext | None:
    """TLS as the settings want it; None without.

    Raises:
        InvalidRequest: They are incomplete, or a file is unusable.
    """
    certificate, key, client_ca = config.tls_certificate, config.tls_key, config.tls_client_ca
    if not certificate and not key and not client_ca:
        return None
    if not certificate or not key:
        raise InvalidRequest("TLS needs both --tls_certificate and --tls_key")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(list(ALPN))
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ValueError) as error:
        raise InvalidRequest(
            f"{certificate} and {key} are no certificate with its key: {error}"
        ) from error
    if client_ca:
        try:
            context.load_verify_locations(client_ca)
        except (OSError, ValueError) as error:
            raise InvalidRequest(f"{client_ca} holds no certificates: {error}") from error
        context.verify_mode = ssl.CERT_REQUIRED
    return context
