"""``/api/models``: what is published is listed, described and asked, with no code."""

from __future__ import annotations

import json

import numpy as np
import pytest

from adapter.app import create_app
from adapter.config import AdapterConfig, Settings
from adapter.wiring import build_parts
from model_store.spec import ModelVersion
from tests.adapter.stores import publish, spec_of, sure_of
from tests.adapter.support import client_over
from tests.fakes import FakeModelServer, FakeServable
from tests.model_store.pictures import COLOUR, DIGIT, encode, photo, three
from tests.support import BUNDLED_STORE

ANIMALS = ("cat", "dog", "고양이")
PHOTO = encode(photo())


def name_canary(store):
    (store / "animals" / "deployment.json").write_text('{"labels": {"canary": 1}}')


def boxes(values) -> FakeServable:
    """A model with two outputs."""
    count = np.array([values], np.float32)
    return FakeServable(spec_of(COLOUR), lambda _: {"boxes": count, "count": np.array([2])})


@pytest.fixture
def server():
    return FakeModelServer(
        {
            ModelVersion("animals", 1): sure_of(0, COLOUR, classes=3),
            ModelVersion("animals", 2): sure_of(2, COLOUR, classes=3),
            ModelVersion("boxes", 1): boxes([[1, 2], [3, float("nan")]]),
        }
    )


@pytest.fixture
def store(tmp_path):
    publish(tmp_path, COLOUR, ANIMALS, name="animals", classes=3)
    publish(tmp_path, COLOUR, ANIMALS, name="animals", classes=3)
    publish(tmp_path, COLOUR, name="boxes")
    publish(tmp_path, None, name="words")
    return tmp_path


@pytest.fixture
def client(store, server):
    return client_over(AdapterConfig(store=store, services=("models",)), server)


def test_every_model_is_listed_with_its_route(client):
    listed = {card["name"]: card for card in client.get("/api/models").get_json()["models"]}
    assert list(listed) == ["animals", "boxes", "words"]
    animals = listed["animals"]
    assert (animals["version"], animals["labels"], animals["gives"]) == (2, 3, "scores")
    assert animals["route"] == "/api/models/animals"
    assert animals["takes"] == {
        "width": 28, "height": 28, "mode": "RGB", "fit": "stretch", "is_ink_centred": False,
    }  # fmt: skip
    assert (listed["words"]["route"], listed["words"]["takes"]) == (None, None)


def test_a_model_that_is_published_later_is_there_at_once(client, store, server):
    publish(store, DIGIT, tuple("0123456789"), name="later")
    server.servables[ModelVersion("later", 1)] = sure_of(7, DIGIT)
    assert "later" in [card["name"] for card in client.get("/api/models").get_json()["models"]]
    answer = client.post("/api/models/later", data=encode(three()))
    assert answer.get_json()["label"] == "7"
    assert "/api/models/later" in client.get("/openapi.json").get_json()["paths"]


def test_a_damaged_model_is_listed_with_its_problem_and_no_path(client, store):
    for number in "12":
        (store / "animals" / number / "manifest.json").write_text("{")
    cards = client.get("/api/models").get_json()["models"]
    assert [bool(card["problem"]) for card in cards] == [True, False, False]
    assert str(store) not in json.dumps(cards)


def test_one_model_is_described(client, store):
    name_canary(store)
    described = client.get("/api/models/animals").get_json()
    assert described["class_labels"] == list(ANIMALS)
    assert described["versions"] == [1, 2]
    assert described["version_labels"] == {"canary": 1}
    assert described["outputs"] == [{"name": "scores", "dtype": "float32", "shape": [3]}]


def test_a_picture_is_named_by_the_live_version_as_the_services_name_theirs(client):
    body = client.post("/api/models/animals?top_k=2", data=PHOTO).get_json()
    assert list(body) == ["label", "score", "predictions", "model", "msg"]
    assert (body["label"], body["model"]) == ("고양이", {"name": "animals", "version": 2})
    assert len(body["predictions"]) == 2


def test_a_version_can_be_asked_for_by_number_and_by_label(client, store):
    name_canary(store)
    for options in ("version=1", "version_label=canary"):
        body = client.post(f"/api/models/animals?{options}", data=PHOTO).get_json()
        assert (body["label"], body["model"]["version"]) == ("cat", 1)


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("animals?version=3", 404, "no version animals/3"),
        ("animals?version=0", 400, "version"),
        ("animals?version=9223372036854775808", 400, "version"),
        ("animals?version_label=stable", 404, "there are: none"),
        ("animals?version=1&version_label=stable", 400, "give one"),
        ("lions", 404, "no model 'lions'"),
        ("words", 404, "takes no pictures"),
        ("..", 400, "cannot name a model"),
        ("%2e%2e", 400, "cannot name a model"),
        ("..%2fanimals", 404, ""),
        ("%00", 400, "cannot name a model"),
        ("~root", 400, "cannot name a model"),
        (".hidden", 400, "cannot name a model"),
        ("animals%5c1", 400, "cannot name a model"),
    ],
)
def test_what_is_not_there_or_cannot_be_is_told(client, server, path, status, words):
    response = client.post(f"/api/models/{path}", data=PHOTO)
    assert response.status_code == status
    assert words in response.get_json()["error"]["message"]
    assert not server.calls
    if status != 400 and "?" not in path:
        assert client.get(f"/api/models/{path}").status_code == status


def test_a_model_that_gives_no_scores_answers_its_tensors(client):
    body = client.post("/api/models/boxes", data=PHOTO).get_json()
    assert list(body) == ["label", "outputs", "model", "msg"]
    assert body["label"] == "null"
    assert body["outputs"] == {"boxes": [[1.0, 2.0], [3.0, None]], "count": 2}


def test_too_many_numbers_for_json_are_told(store, server):
    server.servables[ModelVersion("boxes", 1)] = boxes(np.zeros((700, 700)))
    client = client_over(AdapterConfig(store=store, services=("models",)), server)
    response = client.post("/api/models/boxes", data=PHOTO)
    assert response.status_code == 501
    assert "ask the model server itself" in response.get_json()["error"]["message"]


def test_the_bundled_models_are_asked_with_no_code(numbers_server):
    config = AdapterConfig(store=BUNDLED_STORE, model_server=numbers_server.address)
    client = create_app(build_parts(Settings(config))).test_client()
    cards = client.get("/api/models").get_json()["models"]
    answers = {
        card["name"]: client.post(card["route"], data=encode(three())).get_json() for card in cards
    }
    assert (answers["numbers"]["label"], len(answers["fingers"]["outputs"]["landmarks"])) == (
        "3",
        63,
    )
    assert answers["classifier"]["score"] > 0
