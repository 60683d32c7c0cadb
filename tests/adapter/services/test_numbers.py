"""``/api/numbers`` alone, as a process of its own has it."""

from __future__ import annotations

import base64
import json

import pytest

from adapter.app import create_app
from adapter.config import AdapterConfig, Settings
from adapter.wiring import build_parts
from model_store.spec import ModelVersion
from tests.adapter.stores import publish, sure_of
from tests.adapter.support import client_over
from tests.adapter.writing import write
from tests.fakes import FakeModelServer
from tests.model_store.pictures import DIGIT, encode, three
from tests.support import BUNDLED_STORE


@pytest.fixture
def server():
    return FakeModelServer({ModelVersion("numbers", 1): sure_of(8, DIGIT)})


@pytest.fixture
def client(tmp_path, server):
    publish(tmp_path, DIGIT, tuple("0123456789"), name="numbers")
    return client_over(AdapterConfig(store=tmp_path, services=("numbers",)), server)


def test_the_service_asks_for_the_numbers_model_and_for_no_version(client, server):
    drawing = base64.b64encode(encode(three())).decode()
    response = client.post("/api/numbers", data=json.dumps({"base64_drawing": drawing}))
    assert response.get_json()["label"] == "8"
    assert [(call.model, call.version) for call in server.calls] == [("numbers", None)]


def test_get_is_answered_as_the_first_version_did(client):
    response = client.get("/api/numbers")
    assert response.status_code == 400
    assert response.get_json()["label"] == "null"
    assert response.get_json()["error"] == {"code": "INVALID_ARGUMENT", "message": "use POST"}


def test_head_has_the_status_of_get_and_no_body(client):
    response = client.head("/api/numbers")
    assert (response.status_code, response.data) == (400, b"")


@pytest.mark.parametrize(("asked", "count"), [("3", 3), ("1", 1), ("1000", 10)])
def test_as_many_predictions_are_answered_as_are_asked_for(client, asked, count):
    drawing = base64.b64encode(encode(three())).decode()
    in_address = client.post(f"/api/numbers?top_k={asked}", json={"image": drawing})
    in_body = client.post("/api/numbers", json={"image": drawing, "top_k": int(asked)})
    assert len(in_address.get_json()["predictions"]) == count
    assert in_body.get_json()["predictions"] == in_address.get_json()["predictions"]


@pytest.mark.parametrize("asked", ["0", "-1", "1001", "two", ""])
def test_a_number_of_predictions_that_cannot_be_is_told(client, server, asked):
    drawing = base64.b64encode(encode(three())).decode()
    response = client.post(f"/api/numbers?top_k={asked}", json={"base64_drawing": drawing})
    assert response.status_code == 400
    assert "top_k" in response.get_json()["error"]["message"]
    assert not server.calls


def test_several_digits_are_answered_with_their_places_in_the_picture(client, server):
    page = write("41", "0")
    body = client.post("/api/numbers?top_k=2", data=encode(page)).get_json()
    assert list(body) == ["label", "score", "predictions", "model", "msg", "digits", "picture"]
    assert body["label"] == body["predictions"][0]["label"] == "88 8"
    assert body["score"] == pytest.approx(0.91**3)
    assert [len(digit["predictions"]) for digit in body["digits"]] == [2, 2, 2]
    first, _, last = [digit["box"] for digit in body["digits"]]
    assert list(first) == ["x", "y", "width", "height"]
    assert (first["x"], first["y"]) == (30, 30)
    assert last["y"] >= 180
    assert body["picture"] == {"width": page.width, "height": page.height}
    assert len(server.calls) == 1


def test_a_caller_can_say_that_it_is_one_digit(client):
    for body in (
        client.post("/api/numbers?several=false", data=encode(write("41"))).get_json(),
        client.post("/api/numbers", data=encode(three())).get_json(),
    ):
        assert list(body) == ["label", "score", "predictions", "model", "msg"]
        assert body["label"] == "8"


def test_the_bundled_model_reads_what_is_written(numbers_server):
    config = AdapterConfig(
        store=BUNDLED_STORE, services=("numbers",), model_server=numbers_server.address
    )
    client = create_app(build_parts(Settings(config))).test_client()
    for lines in [("1", "4"), ("7214",), ("90", "12", "47"), ("1",)]:
        body = client.post("/api/numbers", data=encode(write(*lines))).get_json()
        assert body["label"] == " ".join(lines)
        assert body["score"] > 0.5
