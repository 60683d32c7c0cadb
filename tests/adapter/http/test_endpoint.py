"""Operations are answered alike, whether they are asked at once or by Flask's routes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask import Flask

from adapter.app import create_app
from adapter.config import AccessConfig, AdapterConfig, Settings
from adapter.http.blueprints import to_blueprint
from adapter.http.endpoint import Rules, by_address
from adapter.http.front import Front
from adapter.http.guard import read_guard
from adapter.http.operations import Reply, Service
from adapter.http.turns import Turns
from adapter.services import SERVICES
from adapter.wiring import build_parts
from model_store.spec import ModelVersion
from tests.adapter.http.fronts import PNG
from tests.adapter.stores import sure_of
from tests.fakes import FakeModelServer
from tests.model_store.pictures import DIGIT

RULES = Rules(5.0, 20_000, read_guard(AccessConfig()), Turns(2))
ASKS = [
    ("POST", "/api/numbers", PNG, {}),
    ("POST", "/api/numbers?top_k=2", PNG, {"Accept-Language": "ko"}),
    ("POST", "/api/numbers?top_k=0", PNG, {}),
    ("POST", "/api/numbers", b"no picture", {"Accept-Language": "ko"}),
    ("POST", "/api/numbers", b"x" * 20_001, {}),
    ("POST", "/api/numbers", PNG, {"X-Request-Timeout-Ms": "soon"}),
    ("POST", "/api/numbers", PNG, {"Content-Length": "soon"}),
    ("POST", "/api/fingers", PNG, {}),
    ("POST", "/api/aivoice", b'{"text": ""}', {}),
    ("POST", "/api/feedback", b'{"label": "3"}', {}),
    ("GET", "/api/models", None, {}),
]


def parts(store):
    server = FakeModelServer({ModelVersion("numbers", 1): sure_of(3, DIGIT)})
    return build_parts(Settings(AdapterConfig(store=store, max_body_bytes=20_000)), server)


@pytest.fixture(scope="module")
def ours(store):
    return create_app(parts(store))


@pytest.fixture(scope="module")
def theirs(store):
    """Somebody's own application, with our services among what it has."""
    app = Flask("school")
    for build in SERVICES.values():
        app.register_blueprint(to_blueprint(build(parts(store)), RULES))
    return app


@pytest.mark.parametrize(("method", "path", "body", "headers"), ASKS)
def test_an_operation_answers_at_once_as_it_does_by_flasks_routes(
    ours, theirs, method, path, body, headers
):
    at_once, by_route = (
        app.test_client().open(path, method=method, data=body, headers=headers)
        for app in (ours, theirs)
    )
    assert isinstance(ours.wsgi_app, Front)
    assert (at_once.status, at_once.data) == (by_route.status, by_route.data)
    assert set(by_route.headers) <= set(at_once.headers)
    assert at_once.headers.get_all("Content-Length") == [str(len(at_once.data))]


def test_what_is_asked_at_once_has_one_address(ours, store):
    services = [build(parts(store)) for build in SERVICES.values()]
    addresses = by_address(services, RULES)
    assert ("POST", "/api/numbers") in addresses
    assert not [path for _, path in addresses if "<" in path]
    # Whatever else is at such an address is Flask's to answer.
    client = ours.test_client()
    assert client.head("/healthz").status_code == 200
    assert client.options("/api/numbers").status_code == 200
    assert client.put("/api/numbers").status_code == 405


def test_a_reply_goes_out_as_it_is(store):
    operation = SERVICES["models"](parts(store)).operations[0]
    reply = Reply(b"\xff", "audio/wav", 418, (("Vary", "Accept"), ("Vary", "Origin")))
    kettle = Service("kettle", (replace(operation, handle=lambda _: reply),))
    app = Flask("kettle")
    app.register_blueprint(to_blueprint(kettle, RULES))
    answered = app.test_client().get("/api/models")
    assert (answered.status_code, answered.data) == (418, b"\xff")
    assert answered.headers["Content-Type"] == "audio/wav"
    assert answered.headers.get_all("Vary") == ["Accept", "Origin"]
