"""What all requests and answers have in common: ids, headers, other origins, log, metrics."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.test import create_environ

from adapter.passed_on import passed_on
from model_store.errors import InvalidRequest, ServerUnreachable
from model_store.spec import ModelVersion
from tests.adapter.http.fronts import PNG, application, post
from tests.adapter.stores import sure_of
from tests.fakes import FakeModelServer, FakeServable
from tests.model_store.pictures import DIGIT

SHOP = "https://shop.example"


def test_an_id_is_taken_over_and_one_is_made_where_there_is_none(store):
    client = application(store)
    assert post(client, X_Request_Id="order-7").headers.get_all("X-Request-Id") == ["order-7"]
    made = post(client).headers["X-Request-Id"]
    assert re.fullmatch("[0-9a-f]{32}", made)
    assert post(client).headers["X-Request-Id"] != made
    assert client.get("/nothing", headers={"X-Request-Id": "b"}).headers["X-Request-Id"] == "b"


def test_an_answer_is_a_list_which_granian_sends_in_one_piece_with_its_head(store):
    front = application(store).application.wsgi_app
    environ = create_environ("/api/numbers", method="POST", data=PNG)
    assert isinstance(front(environ, lambda *_: None), list)


@settings(max_examples=30)
@given(st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0"), max_size=200))
def test_an_id_that_could_break_a_line_is_not_taken_over(store, text):
    answered = application(store).get("/healthz", headers={"X-Request-Id": text})
    own = answered.headers["X-Request-Id"]
    assert own == text or re.fullmatch("[0-9a-f]{32}", own)
    assert re.fullmatch(r"[\x21-\x7e]{1,128}", own)


TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.mark.parametrize(
    ("sent", "is_passed"),
    [(TRACE, True), (TRACE + "x", False), ("", False), (TRACE.upper(), False),
     ("ff" + TRACE[2:], False), (f"00-{'0' * 32}-00f067aa0ba902b7-01", False)],
)  # fmt: skip
def test_the_id_and_the_trace_go_on_to_the_model_server(store, sent, is_passed):
    seen = []

    def run(inputs):
        seen.append(dict(passed_on()))
        return known.run(inputs)

    known = sure_of(3, DIGIT)
    server = FakeModelServer({ModelVersion("numbers", 1): FakeServable(known.image, run)})
    post(application(store, server), X_Request_Id="a", traceparent=sent)
    assert seen == [{"x-request-id": "a"} | ({"traceparent": sent} if is_passed else {})]


def test_every_answer_is_protected_and_only_pages_may_be_kept(store):
    client = application(store)
    for path in ("/healthz", "/api/numbers", "/nothing", "/openapi.json", "/metrics"):
        headers = client.get(path).headers
        assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "Strict-Transport-Security" not in headers
    for path in ("/", "/docs", "/static/icon.svg"):
        headers = client.get(path, buffered=True).headers
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["Permissions-Policy"].startswith("camera=(self)")
        assert headers["Cache-Control"] == "no-cache"


def test_browsers_are_told_to_stay_with_https_only_where_it_is_set(store):
    headers = application(store, hsts_s=60).get("/nothing").headers
    assert headers["Strict-Transport-Security"] == "max-age=60"


def preflight(client, origin, path="/api/numbers"):
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    return client.options(path, headers=asked)


def test_no_other_origin_may_call_unless_told(store):
    client = application(store)
    for answer in (post(client, Origin=SHOP), preflight(client, SHOP)):
        assert not [name for name, _ in answer.headers if name.startswith("Access-Control")]


def test_an_origin_of_the_list_may_call_and_read_also_what_went_wrong(store):
    client = application(store, allowed_origins=(SHOP,), key_file="/nowhere/keys.json")
    asked = preflight(client, SHOP)
    assert (asked.status_code, asked.data) == (204, b"")
    assert "Authorization" in asked.headers["Access-Control-Allow-Headers"]
    for answer in (
        asked,
        post(client, Origin=SHOP),
        client.get("/healthz", headers={"Origin": SHOP}),
    ):
        assert answer.headers["Access-Control-Allow-Origin"] == SHOP
        assert answer.headers["Vary"] == "Origin"
        assert "Access-Control-Allow-Credentials" not in answer.headers
    assert post(client, Origin=SHOP).status_code == 401
    assert "X-Request-Id" in post(client, Origin=SHOP).headers["Access-Control-Expose-Headers"]


@pytest.mark.parametrize(
    "origin",
    [SHOP + ".evil.example", "http://shop.example", SHOP + ":8443", "null", "", "https://"],
)
def test_an_origin_that_is_nearly_on_the_list_is_not(store, origin):
    client = application(store, allowed_origins=(SHOP,))
    for answer in (post(client, Origin=origin), preflight(client, origin)):
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert answer.headers["Vary"] == "Origin"


@settings(max_examples=30)
@given(st.text(st.characters(codec="ascii", min_codepoint=32), max_size=40))
def test_no_text_is_an_origin_but_that_of_the_list(store, origin):
    answer = preflight(application(store, allowed_origins=(SHOP,)), origin)
    assert (answer.headers.get("Access-Control-Allow-Origin") == SHOP) is (origin == SHOP)


def test_all_may_call_only_without_credentials(store):
    answer = post(application(store, allowed_origins=("*",)), Origin="https://any.example")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    with pytest.raises(InvalidRequest, match="cannot go with allow_credentials"):
        application(store, allowed_origins=("*",), allow_credentials=True)
    answer = post(application(store, allowed_origins=(SHOP,), allow_credentials=True), Origin=SHOP)
    assert answer.headers["Access-Control-Allow-Credentials"] == "true"


def test_the_pages_are_not_for_other_origins(store):
    client = application(store, allowed_origins=("*",))
    answer = client.get("/", headers={"Origin": SHOP})
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert "Access-Control-Allow-Origin" not in preflight(client, SHOP, "/").headers


def lines(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_the_log_has_a_line_for_each_request_and_no_picture(store, tmp_path):
    log = tmp_path / "access.jsonl"
    client = application(store, log=str(log), trusted_proxies=("127.0.0.1",))
    client.post("/api/numbers?words=secret", data=PNG, headers={"X-Request-Id": "a"})
    client.post("/api/numbers", data=b"{}", headers={"X-Forwarded-For": "203.0.113.7"})
    client.get("/" + "n" * 999)
    first, second, third = lines(log)
    assert first.items() >= {
        "method": "POST", "path": "/api/numbers", "status": 200, "outcome": "OK",
        "service": "numbers", "model": "numbers", "version": "1", "request_id": "a",
        "caller": "127.0.0.1", "request_bytes": len(PNG),
    }.items()  # fmt: skip
    assert (second["status"], second["outcome"]) == (400, "INVALID_ARGUMENT")
    assert second["caller"] == "203.0.113.7"
    assert (third["outcome"], third["service"], len(third["path"])) == ("NOT_FOUND", "none", 256)
    assert "secret" not in log.read_text()


def test_a_log_that_cannot_be_written_costs_lines_and_nothing_else(store, caplog):
    assert post(application(store, log="/dev/full")).status_code == 200
    assert "a line of the access log is lost" in caplog.text


def samples(client):
    text = client.get("/metrics").get_data(as_text=True)
    found = re.findall(
        r"^(easel_adapter_request_seconds_count)\{(.*)\} ([\d.]+)$", text, re.MULTILINE
    )
    return {tuple(re.findall(r'"([^"]*)"', labels)): float(value) for _, labels, value in found}


def test_requests_are_counted_by_how_they_ended_and_which_version_answered(store):
    server = FakeModelServer({ModelVersion("numbers", 1): sure_of(3, DIGIT)})
    client = application(store, server)
    post(client)
    post(client)
    server.failure = ServerUnreachable("down")
    post(client)
    client.get("/nothing")
    # In the order of the labels' names: model, outcome, service, version.
    assert samples(client) == {
        ("numbers", "OK", "numbers", "1"): 2,
        ("", "UNAVAILABLE", "numbers", ""): 1,
        ("", "NOT_FOUND", "none", ""): 1,
    }
    assert client.get("/metrics").mimetype == "text/plain"
    wanted = {"Accept": "application/openmetrics-text"}
    assert client.get("/metrics", headers=wanted).mimetype == "application/openmetrics-text"
