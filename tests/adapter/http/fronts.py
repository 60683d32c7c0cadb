"""The application with settings of [access], in this process, and a drawing for it."""

from __future__ import annotations

from adapter.app import create_app
from adapter.config import AccessConfig, AdapterConfig, Settings
from adapter.wiring import build_parts
from model_store.spec import ModelVersion
from tests.adapter.stores import sure_of
from tests.fakes import FakeModelServer
from tests.model_store.pictures import DIGIT, encode, three

PNG = encode(three())


def application(store, server=None, **access):
    server = server or FakeModelServer({ModelVersion("numbers", 1): sure_of(3, DIGIT)})
    settings = Settings(AdapterConfig(store=store), access=AccessConfig(**access))
    return create_app(build_parts(settings, server)).test_client()


def post(client, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post("/api/numbers", data=PNG, headers=named)
