"""The sockets of one server process: which of them are encrypted, their common start and end."""

from __future__ import annotations

from serving.config import ServerConfig
from serving.sockets.asgi import App
from serving.sockets.entrance import Arrivals
from serving.sockets.limits import Limits
from serving.sockets.server import SocketServer
from serving.sockets.siblings import Siblings
from serving.tls import read_tls
from serving.transport.sockets import Listeners


class Listening:
    """Answers on all of the listeners with one application."""

    def __init__(
        self,
        app: App,
        config: ServerConfig,
        listeners: Listeners,
        arrivals: Arrivals,
        siblings: Siblings | None = None,
    ) -> None:
        """Read the certificates; nothing is answered yet.

        Args:
            app: What answers.
            config: The settings.
            listeners: What is listened on.
            arrivals: Counts requests that have come.
            siblings: Who else listens on the same.

        Raises:
            InvalidRequest: The TLS settings are incomplete, or a file of theirs is unusable.
        """
        self._tls = read_tls(config)
        self._listeners = listeners
        self._grace_s = config.drain_s
        limits = Limits(max_age_s=config.max_connection_age_s)
        self._server = SocketServer(app, limits, arrivals, siblings)

    def start(self) -> None:
        """Take connections."""
        both = zip(self._listeners.ports, (self._tls.grpc, self._tls.http), strict=True)
        # Of two that are one, gRPC's wins: the later of equal keys.
        for port, tls in dict(reversed(tuple(both))).items():
            self._server.listen(port, tls)
        if self._listeners.local is not None:
            # Whoever may open it, the file system has said.
            self._server.listen(self._listeners.local)
        self._server.join_siblings()

    async def drain(self) -> None:
        """Refuse connections, tell the clients to go elsewhere, finish what has begun."""
        await self._server.close(self._grace_s)
