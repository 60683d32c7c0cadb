"""The routes that explain, over the bundled models."""

from __future__ import annotations

import pytest

from adapter.app import create_app
from adapter.config import AdapterConfig, Settings
from adapter.wiring import build_parts
from tests.adapter.writing import write
from tests.model_store.pictures import encode, three
from tests.support import BUNDLED_STORE


@pytest.fixture(scope="module")
def client(numbers_server):
    config = AdapterConfig(store=BUNDLED_STORE, model_server=numbers_server.address)
    return create_app(build_parts(Settings(config))).test_client()


@pytest.mark.parametrize("path", ["numbers", "classifier", "models/numbers", "models/classifier"])
def test_a_drawing_is_explained_with_the_label_it_is_given(client, path):
    page = three()
    named = client.post(f"/api/{path}", data=encode(page)).get_json()
    body = client.post(f"/api/{path}/explain?grid=6", data=encode(page)).get_json()
    assert (body["label"], body["model"]) == (named["label"], named["model"])
    assert body["score"] == pytest.approx(named["score"], abs=1e-4)
    assert body["picture"] == {"width": 280, "height": 280}
    (found,) = body["maps"]
    assert [len(row) for row in found["drops"]] == [6] * 6
    assert max(map(max, found["drops"])) > 0.05
    # The ink's corners are in the area, and its middle is that of the three.
    area = found["area"]
    assert area["x"] < 60
    assert area["y"] < 40
    assert area["x"] + area["width"] > 180


def test_each_digit_of_a_number_has_its_map(client):
    body = client.post("/api/numbers/explain", data=encode(write("41", "90"))).get_json()
    assert body["label"] == "41 90"
    assert [each["label"] for each in body["maps"]] == list("4190")


def test_another_label_is_explained_when_it_is_named(client):
    page = encode(three())
    body = client.post("/api/numbers/explain", data=page, query_string={"label": "8"}).get_json()
    assert body["maps"][0]["label"] == "8"
    assert body["maps"][0]["score"] < 0.5


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("numbers/explain?grid=1", 400, "grid"),
        ("numbers/explain?grid=17", 400, "grid"),
        ("numbers/explain?label=cat", 400, "no class label"),
        ("models/fingers/explain", 400, "gives no scores"),
        ("models/lions/explain", 404, "no model"),
        ("models/../explain", 400, "cannot name a model"),
    ],
)
def test_what_cannot_be_explained_is_told(client, path, status, words):
    response = client.post(f"/api/{path}", data=encode(three()))
    assert response.status_code == status
    assert words in response.get_json()["error"]["message"]
