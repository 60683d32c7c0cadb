"""The application in this process, as the tests ask it."""

from __future__ import annotations

from flask.testing import FlaskClient

from adapter.app import create_app
from adapter.config import AdapterConfig, Settings
from adapter.ports import ModelServer
from adapter.wiring import build_parts


def client_over(config: AdapterConfig, server: ModelServer) -> FlaskClient:
    """A client of the application with *config*, over *server*."""
    return create_app(build_parts(Settings(config), server)).test_client()
