"""``/api/numbers`` alone, as a process of its own has it."""

from __future__ import annotations

import base64
import json

import pytest

from adapter.config import AdapterConfig
from model_store.spec import ModelVersion
from tests.adapter.stores import publish, sure_of
from tests.adapter.support import client_over
from tests.fakes import FakeModelServer
from tests.model_store.pictures import DIGIT, encode, three


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
