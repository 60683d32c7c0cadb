"""The same methods under grpcio, for machines where Envoy cannot run.

A third of the speed (``benchmarks/README.md``); the same answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import grpc.aio

from serving.assembly import build_engine, build_methods, loaded_report
from serving.config import ServerConfig
from serving.services.methods import Call, Method, Methods, Unary
from serving.transports.control import Report
from serving.transports.errors import status_of

Announce = Callable[[Report, str], None]


async def serve(config: ServerConfig, stop: asyncio.Event, announce: Announce) -> None:
    """Serve until *stop* is set, then drain; see ``serving.transports.envoy.serve``."""
    engine = build_engine(config)
    server = grpc.aio.server(
        handlers=(_Handlers(build_methods(engine)),),
        options=[
            ("grpc.max_receive_message_length", config.max_message_bytes),
            ("grpc.max_send_message_length", -1),
            ("grpc.so_reuseport", 0),
        ],
    )
    port = server.add_insecure_port(f"{config.host}:{config.port}")
    await engine.load_all()
    await server.start()
    announce(loaded_report(engine), f"{config.host}:{port}")
    await stop.wait()
    engine.drain()
    await server.stop(config.drain_s)
    engine.close()


class _Handlers(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpcio has no types
    """Looks a method up by its path; messages stay bytes."""

    def __init__(self, methods: Methods) -> None:
        self._handlers = {path: _handler(method) for path, method in methods.items()}

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        """The handler for a call, or None for UNIMPLEMENTED."""
        return self._handlers.get(details.method)


def _handler(method: Method) -> grpc.RpcMethodHandler:
    async def unary(request: bytes, context: grpc.aio.ServicerContext) -> bytes:
        try:
            assert isinstance(method, Unary)
            return await method.handle(request, _call(context))
        except Exception as error:
            return await _abort(context, error)

    async def stream(
        request: bytes, context: grpc.aio.ServicerContext
    ) -> AsyncIterator[bytes]:
        try:
            assert not isinstance(method, Unary)
            async for message in method.handle(request, _call(context)):
                yield message
        except Exception as error:
            await _abort(context, error)

    if isinstance(method, Unary):
        return grpc.unary_unary_rpc_method_handler(unary)
    return grpc.unary_stream_rpc_method_handler(stream)


def _call(context: grpc.aio.ServicerContext) -> Call:
    remaining = context.time_remaining()
    return Call(None if remaining is None else asyncio.get_running_loop().time() + remaining)


async def _abort(context: grpc.aio.ServicerContext, error: Exception) -> Any:
    code, message = status_of(error)
    await context.abort(grpc.StatusCode[code.name], message)
