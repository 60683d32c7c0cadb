"""Easel as an ASGI application: ``alone``, or ``beside`` others under /easel."""

import os
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from wsgiref.types import StartResponse, WSGIEnvironment

from a2wsgi import WSGIMiddleware
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Mount, Route

from adapter.app import create_app
from adapter.cloud.credentials import find_credentials
from adapter.config import AdapterConfig, FeedbackConfig, Settings
from adapter.http.turns import READERS
from adapter.wiring import build_parts, close_parts

STORE = Path(__file__).resolve().parents[2] / "model_store" / "models"  # the checkout's
config = AdapterConfig(
    store=Path(os.environ.get("EASEL_ADAPTER_STORE", STORE)),
    model_server=os.environ.get("EASEL_ADAPTER_MODEL_SERVER", "127.0.0.1:8500"),
)
feedback = FeedbackConfig(log=os.environ.get("EASEL_FEEDBACK_LOG", ""))
google = find_credentials(os.environ)
parts = build_parts(Settings(config, feedback=feedback), credentials=google)
flask = create_app(parts)


def ended(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Say that a body ends by itself, as ASGI's do: one in chunks has no length."""
    return flask.wsgi_app({**environ, "wsgi.input_terminated": True}, start_response)


easel = WSGIMiddleware(ended, workers=config.threads + READERS)


async def home(request: Request) -> HTMLResponse:
    """Say where the drawings are."""
    return HTMLResponse('<h1>School</h1><p><a href="easel/">Draw something</a></p>')


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    """Close what Easel has opened when the server ends."""
    yield
    close_parts(parts)


beside = Starlette(routes=[Route("/", home), Mount("/easel", easel)], lifespan=lifespan)
alone = Starlette(routes=[Mount("/", easel)], lifespan=lifespan)
