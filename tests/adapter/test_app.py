"""The whole application in this process, over a fake model server."""

from __future__ import annotations

import base64
import io
import json
import threading
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.config import AdapterConfig
from model_store import errors
from model_store.spec import ModelVersion
from tests.adapter.stores import publish, sure_of
from tests.adapter.support import client_over
from tests.fakes import FakeModelServer, failing
from tests.model_store.pictures import (
    DIGIT,
    encode,
    photo,
    png_claiming,
    three,
    transparent_three,
)

PNG = encode(three())
URL = "data:image/png;base64," + base64.b64encode(PNG).decode()


@pytest.fixture(scope="session")
def store(tmp_path_factory):
    root = tmp_path_factory.mktemp("app") / "models"
    publish(root, DIGIT, tuple("0123456789"))
    return root


@pytest.fixture(scope="session")
def config(store):
    return AdapterConfig(store=store)


@pytest.fixture
def server():
    return FakeModelServer({ModelVersion("numbers", 1): sure_of(3, DIGIT)})


@pytest.fixture
def client(config, server):
    return client_over(config, server)


def post(client, drawing=URL, **headers):
    body = json.dumps({"base64_drawing": drawing})
    return client.post("/api/numbers", data=body, headers=headers)


def assert_failure(response, status, code):
    """The one shape of every failure; gives its message."""
    assert response.status_code == status
    assert response.mimetype == "application/json"
    body = response.get_json()
    assert list(body) == ["error", "label", "msg"]
    assert list(body["error"]) == ["code", "message"]
    assert (body["error"]["code"], body["label"]) == (code, "null")
    assert body["msg"]
    assert body["error"]["message"]
    return body["error"]["message"]


def test_a_drawing_is_answered_exactly_as_the_design_says(client):
    response = post(client)
    body = json.loads(response.data)
    assert response.status_code == 200
    assert response.mimetype == "application/json"
    assert list(body) == ["label", "score", "predictions", "model", "msg"]
    assert body["label"] == "3"
    assert body["score"] == pytest.approx(0.91)
    assert len(body["predictions"]) == 10
    assert body["predictions"][0] == {"label": "3", "score": body["score"]}
    assert body["model"] == {"name": "numbers", "version": 1}
    assert body["msg"] == "The drawing was recognised."


@pytest.mark.parametrize(
    "drawing",
    [
        URL,
        base64.b64encode(PNG).decode(),
        base64.urlsafe_b64encode(PNG).decode().rstrip("="),
        base64.encodebytes(PNG).decode(),
        "data:image/jpeg;base64," + base64.b64encode(encode(three(), "JPEG")).decode(),
        "data:image/webp;base64," + base64.b64encode(encode(three(), "WEBP")).decode(),
        "data:image/gif;base64," + base64.b64encode(encode(three(), "GIF")).decode(),
        "data:image/bmp;base64," + base64.b64encode(encode(three(), "BMP")).decode(),
        "data:image/png;base64," + base64.b64encode(encode(transparent_three())).decode(),
    ],
    ids=["url", "bare", "urlsafe", "lines", "jpeg", "webp", "gif", "bmp", "transparent"],
)
def test_a_drawing_in_any_spelling_and_format_is_answered(client, drawing):
    assert post(client, drawing).get_json()["label"] == "3"


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "", "image/png"])
def test_the_content_type_is_not_looked_at(client, content_type):
    body = json.dumps({"base64_drawing": URL})
    response = client.post("/api/numbers", data=body, content_type=content_type)
    assert response.status_code == 200


def test_get_is_a_bad_request_that_says_what_to_do(client):
    response = client.get("/api/numbers")
    assert_failure(response, 400, "INVALID_ARGUMENT")
    assert "POST" in response.get_json()["msg"]


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"drawing", b"null", b"[]", b'["base64_drawing"]', b"5", b"\xff\xfe", b"{}",
        b'{"drawing": "AAAA"}', b'{"base64_drawing": null}', b'{"base64_drawing": 5}',
        b'{"base64_drawing": ["AAAA"]}', b'{"base64_drawing": ""}', b"[" * 200_000,
        b'{"base64_drawing": ' + b"9" * 9999 + b"}", b"NaN", b"base64_drawing=AAAA",
    ],
    ids=lambda body: repr(body[:30]),
)  # fmt: skip
def test_a_body_without_a_drawing_is_a_bad_request(client, server, body):
    response = client.post("/api/numbers", data=body, content_type="application/json")
    message = assert_failure(response, 400, "INVALID_ARGUMENT")
    assert "base64_drawing" in message
    assert not server.calls


@pytest.mark.parametrize(
    ("drawing", "complaint"),
    [
        ("not base64!", "is not base64"),
        ("\ud800", "the body is no JSON"),
        ("data:text/html;base64,AAAA", "not of an image"),
        ("data:image/png;base64,", "not an image"),
        (base64.b64encode(b"<svg/>").decode(), "not an image"),
        (base64.b64encode(PNG[: len(PNG) // 2]).decode(), "damaged or cut short"),
        (base64.b64encode(encode(three(), "JPEG")[:900]).decode(), "damaged or cut short"),
        (base64.b64encode(png_claiming(50_000, 50_000)).decode(), "50000x50000; at most"),
        (base64.b64encode(png_claiming(5_000, 5_000)).decode(), "at most 16000000 pixels"),
        (base64.b64encode(encode(photo().point(lambda _: 255))).decode(), "drawing is empty"),
    ],
)
def test_a_drawing_that_cannot_be_read_is_told_why(client, server, drawing, complaint):
    response = post(client, drawing)
    assert complaint in assert_failure(response, 400, "INVALID_ARGUMENT")
    assert "Retry-After" not in response.headers
    assert not server.calls


@given(st.text() | st.binary().map(lambda data: base64.b64encode(data).decode()))
def test_no_text_at_all_is_a_failure_of_ours(drawing):
    assert post(client_over(AdapterConfig(), FakeModelServer()), drawing).status_code == 400


def test_a_body_of_20_megabytes_is_too_large(client):
    body = b'{"base64_drawing": "' + b"A" * 20_000_000 + b'"}'
    response = client.post("/api/numbers", data=body, content_type="application/json")
    message = assert_failure(response, 413, "INVALID_ARGUMENT")
    assert message == f"the body is larger than {10 * 1024 * 1024} bytes"
    assert response.get_json()["msg"] == "The picture is too large."


def test_a_body_as_long_as_allowed_is_read(config, server):
    body = json.dumps({"base64_drawing": URL}).encode()
    exact = client_over(replace(config, max_body_bytes=len(body)), server)
    assert exact.post("/api/numbers", data=body).status_code == 200
    assert exact.post("/api/numbers", data=body + b" ").status_code == 413


def test_a_model_that_the_store_does_not_have_is_not_found(tmp_path, server):
    (tmp_path / "models").mkdir()
    response = post(client_over(AdapterConfig(store=tmp_path / "models"), server))
    assert "no model 'numbers'" in assert_failure(response, 404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("error", "status", "code", "can_retry"),
    [
        (errors.ServableNotFound("numbers/1 is not loaded"), 404, "NOT_FOUND", False),
        (errors.ServerUnreachable("no answer from x"), 503, "UNAVAILABLE", True),
        (errors.ServableNotReady("loading"), 503, "UNAVAILABLE", True),
        (errors.DeadlineExceeded("too late"), 504, "DEADLINE_EXCEEDED", True),
        (errors.Overloaded("the queue is full"), 429, "RESOURCE_EXHAUSTED", True),
        (errors.Unsupported("no such method"), 501, "UNIMPLEMENTED", False),
        (errors.Cancelled("gone"), 499, "CANCELLED", False),
        (errors.ServerFailed("the model server failed"), 500, "INTERNAL", False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_a_failure_of_the_model_server_keeps_its_status(config, error, status, code, can_retry):
    response = post(client_over(config, failing(error)))
    assert assert_failure(response, status, code) == str(error)
    assert ("Retry-After" in response.headers) is can_retry
    if can_retry:
        assert int(response.headers["Retry-After"]) > 0


def test_the_answers_deadline_is_the_configured_one(config, server):
    server.takes_s = 7.0
    assert post(client_over(replace(config, timeout_s=8.0), server)).status_code == 200
    assert_failure(post(client_over(config, server)), 504, "DEADLINE_EXCEEDED")


class Slow(io.BytesIO):
    """A body of which the first part is long in coming."""

    def read(self, size=-1):
        if self.tell() == 0:
            threading.Event().wait(1.0)
        return super().read(size)


def test_what_a_body_takes_to_arrive_is_not_taken_from_its_answer(config, server):
    server.takes_s = 29.2
    client = client_over(replace(config, timeout_s=30.0), server)
    answer = client.post("/api/numbers", input_stream=Slow(PNG), content_length=len(PNG))
    assert answer.status_code == 200


def test_the_files_of_a_damaged_version_are_named_in_the_log_alone(config, caplog):
    response = post(client_over(config, failing(errors.BadVersion("/srv/3/model.onnx altered"))))
    assert "/srv" not in assert_failure(response, 500, "INTERNAL")
    assert "/api/numbers failed: /srv/3/model.onnx altered" in caplog.text


def test_a_bug_is_answered_without_its_words_and_logged_with_them(config, caplog):
    response = post(client_over(config, failing(ZeroDivisionError("secret path /srv/key"))))
    assert assert_failure(response, 500, "INTERNAL") == "internal error"
    assert "secret" not in response.get_data(as_text=True)
    assert "secret path" in caplog.text


def test_a_failure_of_ours_is_logged_and_a_clients_is_not(config, client, caplog):
    post(client, "not base64!")
    assert not caplog.records
    post(client_over(config, failing(errors.ServerFailed("altered"))))
    assert "/api/numbers failed: altered" in caplog.text


@pytest.mark.parametrize(
    ("accepted", "is_korean"),
    [
        ("ko", True), ("ko-KR", True), ("ko-KR,ko;q=0.9,en-US;q=0.8,en;q=0.7", True),
        ("en-US,en;q=0.9,ko;q=0.8", False), ("en;q=0.5,ko;q=0.6", True), ("ja,ko;q=0.1", True),
        ("ja", False), ("*", False), ("", False), ("ko;q=0", False), (";;;,,=", False),
        ("한국어", False), ("KO", True),
    ],
)  # fmt: skip
def test_the_sentence_is_in_the_callers_language_and_the_message_in_english(
    client, accepted, is_korean
):
    header = {"Accept-Language": accepted.encode("utf-8").decode("latin-1")}
    right, wrong = post(client, **header), post(client, "!", **header)
    assert (right.get_json()["msg"] == "그림을 알아봤어요.") is is_korean
    assert wrong.get_json()["msg"].startswith("요청을") is is_korean
    assert wrong.get_json()["error"]["message"] == '"base64_drawing" is not base64'


def test_korean_is_sent_as_itself(client):
    assert "그림을" in post(client, **{"Accept-Language": "ko"}).get_data(as_text=True)


@pytest.mark.parametrize("path", ["/nothing", "/api/cats", "/api/numbers/", "/static/none.js"])
def test_an_address_that_is_not_there_is_the_same_json(client, path):
    message = assert_failure(client.get(path), 404, "NOT_FOUND")
    assert path in message


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_another_method_is_told_which_there_are(client, method):
    response = client.open("/api/numbers", method=method)
    assert "use GET or POST" in assert_failure(response, 405, "UNIMPLEMENTED")
    assert {"GET", "POST"} <= set(response.headers["Allow"].split(", "))


@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz", "/nothing", "/static/page.js"])
def test_no_answer_may_be_taken_for_another_type(client, path):
    response = client.get(path, buffered=True)
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert post(client).headers["X-Content-Type-Options"] == "nosniff"


def test_live_while_the_process_answers_and_ready_while_the_server_does(config, client, server):
    assert client.get("/healthz").get_json() == {"status": "ok"}
    assert client.get("/readyz").get_json() == {"status": "ok"}
    server.failure = errors.ServerUnreachable("down")
    assert client.get("/healthz").status_code == 200
    # Another application: this one knows the answer for a moment.
    response = client_over(config, server).get("/readyz")
    assert response.status_code == 503
    assert response.get_json() == {"status": "not ready", "missing": ["model server"]}
    assert int(response.headers["Retry-After"]) > 0


def test_a_server_that_is_slow_to_say_so_is_not_ready(client, server):
    server.takes_s = 2.0
    assert client.get("/readyz").status_code == 503


def test_nothing_is_asked_of_the_server_before_the_first_drawing(config, server):
    client_over(config, server)
    assert not server.calls


def test_a_service_that_does_not_exist_is_refused_with_those_that_do(config, server):
    with pytest.raises(errors.InvalidRequest, match="no service dreams; there are .*numbers"):
        client_over(replace(config, services=("numbers", "dreams")), server)


def test_a_service_that_is_not_asked_for_is_not_there(config, server):
    client = client_over(replace(config, services=()), server)
    assert_failure(post(client), 404, "NOT_FOUND")
    assert client.get("/").status_code == 200
