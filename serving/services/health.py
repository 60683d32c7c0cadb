"""Is it well: gRPC's health service for the server and each API, and HTTP's two pages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable

from model_store.errors import ServableNotFound
from serving.api import health
from serving.crew.crew import Crew
from serving.services.http import ALLOW_GET, HttpApis, HttpRequest, HttpResponse
from serving.services.methods import Call, Methods, ServerStream, Unary

_WATCH_INTERVAL_S = 0.25
_TEXT = b"text/plain"


def health_methods(crew: Crew, paths: Iterable[str]) -> Methods:
    """The health methods; *paths* are those of the services that can be asked for."""
    services = {"", *(path.split("/")[1] for path in paths)}
    # The short names under which TF Serving itself registers.
    services |= {service.rpartition(".")[2] for service in services}

    async def check(request: bytes, call: Call) -> bytes:
        service = health.decode_service(request)
        if service not in services:
            raise ServableNotFound(f"unknown service {service!r}")
        return health.encode_status(is_serving=await crew.is_ready())

    async def watch(request: bytes, call: Call) -> AsyncIterator[bytes]:
        service = health.decode_service(request)
        last = b""
        while True:
            is_serving = await crew.is_ready() if service in services else None
            now = health.encode_status(is_serving=is_serving)
            if now != last:
                yield now
                last = now
            await asyncio.sleep(_WATCH_INTERVAL_S)

    return {health.CHECK: Unary(check), health.WATCH: ServerStream(watch)}


def health_apis(crew: Crew) -> HttpApis:
    """The two pages: the process lives; everything wanted can be called."""

    async def alive(request: HttpRequest, call: Call) -> HttpResponse:
        return _page(request, "/healthz", is_well=True)

    async def ready(request: HttpRequest, call: Call) -> HttpResponse:
        return _page(request, "/readyz", is_well=await crew.is_ready())

    return {"healthz": alive, "readyz": ready}


def _page(request: HttpRequest, path: str, *, is_well: bool) -> HttpResponse:
    if request.path != path:
        return _text(404, b"not found\n")
    if request.method != "GET":
        return HttpResponse(b"use GET\n", 405, _TEXT, headers=(ALLOW_GET,))
    return _text(200, b"ok\n") if is_well else _text(503, b"not ready\n")


def _text(status: int, body: bytes) -> HttpResponse:
    return HttpResponse(body, status, _TEXT)
