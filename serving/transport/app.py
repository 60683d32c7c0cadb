"""The server as one ASGI application: gRPC, gRPC-Web and HTTP, on whichever port.

Independent of the ASGI server under it.  No exception leaves this module: what a server
makes of one is its own business, and a wrong "OK" is possible.
"""

from __future__ import annotations

import logging

from serving.services.http import HttpApis
from serving.services.methods import Methods
from serving.sockets.entrance import Make
from serving.transport.admission import Admission
from serving.transport.asgi import Event, Receive, Send
from serving.transport.grpc import GrpcSide, is_grpc
from serving.transport.grpc_web import is_grpc_web, web_receive, web_send
from serving.transport.guard import Patrol
from serving.transport.http import HttpSide
from serving.transport.options import Options

logger = logging.getLogger(__name__)


class AsgiApp:
    """Answers every request; counts those it has not answered yet."""

    def __init__(self, methods: Methods, apis: HttpApis, options: Options) -> None:
        admission = Admission(options.max_calls)
        patrol = Patrol(options.memory)
        self._grpc = GrpcSide(methods, options, admission, patrol)
        self._http = HttpSide(apis, options, admission, patrol)
        self._allows_cors = options.allows_cors
        self.in_flight = 0

    def direct(self, scope: Event) -> Make | None:
        """What answers a request of a server of ours without a task, if that is possible.

        Such a request has come whole, and is not in ``in_flight``.
        """
        headers = dict(scope["headers"])
        content_type = headers.get(b"content-type", b"")
        if is_grpc_web(content_type):
            return None
        if is_grpc(content_type):
            is_modern = not scope["http_version"].startswith("1")
            return self._grpc.direct(scope["path"], headers) if is_modern else None
        return self._http.direct(scope, headers)

    async def __call__(self, scope: Event, receive: Receive, send: Send) -> None:
        """Answer one request."""
        self.in_flight += 1
        try:
            if scope["type"] != "http":
                await send({"type": "websocket.close"})
                return
            headers = dict(scope["headers"])
            content_type = headers.get(b"content-type", b"")
            if is_grpc(content_type) and not scope["http_version"].startswith("1"):
                await self._grpc.answer(scope["path"], headers, receive, send)
            elif is_grpc_web(content_type):
                receive = web_receive(receive, headers)
                send = web_send(send, headers, allows_cors=self._allows_cors)
                await self._grpc.answer(scope["path"], headers, receive, send)
            else:
                await self._http.answer(scope, headers, receive, send)
        # OSError is what ASGI servers raise for a send after the client went away.
        except OSError:
            logger.debug("the client of %s went away", scope["path"])
        except Exception:
            logger.exception("%s could not be answered", scope["path"])
        finally:
            self.in_flight -= 1
