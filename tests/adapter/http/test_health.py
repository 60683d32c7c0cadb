"""Who is missing, by name, and who is only missed."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from adapter.app import create_app
from adapter.config import AdapterConfig, Settings
from adapter.http import health
from adapter.wiring import build_parts
from tests.fakes import FakeModelServer


@dataclass
class TwoServers(FakeModelServer):
    """Model servers of which one does not answer."""

    state: dict[str, str | None] = field(default_factory=lambda: {"numbers": None, "doodles": "no"})

    def health(self, *, timeout_s):
        return self.state


@pytest.fixture
def parts(tmp_path):
    (tmp_path / "models").mkdir()
    settings = Settings(AdapterConfig(store=tmp_path / "models"))
    return build_parts(settings, FakeModelServer())


def test_each_server_that_is_needed_is_missing_by_its_name(tmp_path):
    parts = build_parts(Settings(AdapterConfig(store=tmp_path)), TwoServers())
    answer = create_app(parts).test_client().get("/readyz")
    assert answer.status_code == 503
    assert answer.get_json() == {"status": "not ready", "missing": ["doodles"]}
    assert int(answer.headers["Retry-After"]) > 0


def test_whoever_asks_often_is_answered_by_what_the_servers_said_a_moment_ago(tmp_path):
    server, now = TwoServers(state={"numbers": None}), 0.0
    parts = build_parts(Settings(AdapterConfig(store=tmp_path)), server)
    _, ready = health.build(parts, lambda: now).operations
    assert ready.handle(None).status == "ok"
    server.state = {"numbers": "no"}
    assert ready.handle(None).status == "ok"
    now += 1.0
    assert ready.handle(None).status == 503


def test_a_store_that_cannot_be_read_is_missing(parts):
    client = create_app(parts).test_client()
    assert client.get("/readyz").get_json() == {"status": "ok"}
    parts.settings.adapter.store.rmdir()
    assert client.get("/readyz").get_json() == {"status": "not ready", "missing": ["model store"]}


def test_who_is_not_needed_only_degrades_and_is_forgiven_and_counted(parts):
    client = create_app(parts).test_client()
    parts.outside.tell("Google Cloud Vision", "unreachable", 0.1)
    # Left alone after that, or asked something wrong: neither says that it is well again.
    parts.outside.tell("Google Cloud Vision", "not_asked", 0.0)
    parts.outside.tell("Google Cloud Vision", "refused", 0.1)
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.get_json() == {"status": "degraded", "degraded": ["Google Cloud Vision"]}
    parts.outside.tell("Google Cloud Vision", "ok", 0.1)
    assert client.get("/readyz").get_json() == {"status": "ok"}
    text = client.get("/metrics").get_data(as_text=True)
    line = 'outside_seconds_count{outcome="unreachable",outside="Google Cloud Vision"} 1.0'
    assert line in text


def test_a_form_with_more_parts_than_anybody_needs_is_refused(parts):
    many = {f"part{index}": "x" for index in range(99)}
    answer = create_app(parts).test_client().post("/api/numbers", data=many | {"image": "AAAA"},
                                                  content_type="multipart/form-data")  # fmt: skip
    assert answer.status_code == 413
