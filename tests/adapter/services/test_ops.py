"""``/api/ops``: what the operations page asks, over a real model server's metrics."""

from __future__ import annotations

import http.server
import socketserver
import threading

import pytest

from adapter.app import create_app
from adapter.config import AdapterConfig, OpsConfig, Settings
from adapter.wiring import build_parts
from tests.adapter.stores import publish
from tests.fakes import FakeModelServer
from tests.model_store.pictures import DIGIT
from tests.support import free_port

METRICS = b"""easel_request_seconds_bucket{code="OK",le="0.1",model="numbers",protocol="x",version="1"} 3
easel_request_seconds_bucket{code="OK",le="+Inf",model="numbers",protocol="x",version="1"} 4
easel_request_seconds_sum{code="OK",model="numbers",protocol="x",version="1"} 2
easel_request_seconds_bucket{code="OK",le="0.1",model="",protocol="other",version=""} 9
easel_request_seconds_bucket{code="OK",le="+Inf",model="",protocol="other",version=""} 9
easel_servable_state{error="0",model="numbers",state="available",version="1"} 1.0
"""


class Scraped(http.server.BaseHTTPRequestHandler):
    """Answers as a model server's /metrics."""

    def do_GET(self):
        self.send_response(200 if self.path == "/metrics" else 404)
        self.end_headers()
        self.wfile.write(METRICS)

    def log_message(self, *_):
        """Nothing."""


class UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """The same at a Unix domain socket."""

    daemon_threads = True

    def get_request(self):
        request, _ = super().get_request()
        return request, ("socket", 0)


@pytest.fixture
def address():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Scraped) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def socket_file(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("s") / "s")
    with UnixServer(path, Scraped) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield path
        server.shutdown()


def ask(store, ops=None, **adapter):
    settings = Settings(AdapterConfig(store=store, **adapter), ops=ops or OpsConfig())
    app = create_app(build_parts(settings, FakeModelServer()))
    response = app.test_client().get("/api/ops")
    assert response.status_code == 200
    return response.get_json()


def test_models_states_and_calls_are_told(tmp_path, address):
    publish(tmp_path, DIGIT, tuple("0123456789"), name="numbers")
    found = ask(tmp_path, model_server=address)
    (model,) = found["models"]
    assert model["name"] == "numbers"
    assert model["versions"][0]["state"] == "available"
    assert found["bounds_s"] == [0.1]
    assert found["calls"] == [
        {"model": "numbers", "version": "1", "code": "OK", "counts": [3, 1], "sum_s": 2.0}
    ]
    assert found["missing"] == []


def test_requests_are_told_as_callers_see_them(tmp_path, address):
    settings = Settings(AdapterConfig(store=tmp_path, services=("numbers",), model_server=address))
    client = create_app(build_parts(settings, FakeModelServer())).test_client()
    client.get("/healthz")
    client.post("/api/numbers", json={"image": "no picture"})
    (row,) = client.get("/api/ops").get_json()["requests"]
    assert (row["service"], row["outcome"]) == ("numbers", "INVALID_ARGUMENT")
    assert sum(row["counts"]) == 1


def test_a_server_at_a_socket_is_asked_there(tmp_path, socket_file):
    found = ask(tmp_path, model_server=f"oip+http://unix:{socket_file}")
    assert [calls["counts"] for calls in found["calls"]] == [[3, 1]]


def test_metrics_of_several_servers_are_added_up(tmp_path, address):
    found = ask(tmp_path, OpsConfig((f"http://{address}/metrics",) * 2))
    assert [calls["counts"] for calls in found["calls"]] == [[6, 2]]


@pytest.mark.parametrize("path", ["http://127.0.0.1:{port}/metrics", "http://{address}/no", "no"])
def test_a_server_without_metrics_is_named_and_the_rest_is_told(tmp_path, address, path):
    publish(tmp_path, DIGIT, tuple("0123456789"), name="numbers")
    url = path.format(port=free_port(), address=address)
    found = ask(tmp_path, OpsConfig((url,)))
    (missing,) = found["missing"]
    assert url in missing
    assert found["models"][0]["versions"][0]["state"] == "unknown"


def test_a_store_that_is_not_there_is_named(tmp_path, address):
    found = ask(tmp_path / "gone", model_server=address)
    assert "gone" in found["store_problem"]
    assert found["models"] == []
