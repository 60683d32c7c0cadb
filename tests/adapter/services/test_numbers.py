"""``/api/numbers`` alone, as a blueprint of its own process."""

from __future__ import annotations

import base64
import json

import pytest
from flask import Flask

from adapter.answers import install_error_handlers
from adapter.catalogue import Catalogue
from adapter.classify import Classifier
from adapter.services.numbers import MODEL, build_blueprint
from model_store.preprocess import ImageLimits
from model_store.spec import ModelVersion
from tests.adapter.stores import publish, sure_of
from tests.fakes import FakeModelServer
from tests.model_store.pictures import DIGIT, encode, three


@pytest.fixture
def server():
    return FakeModelServer({ModelVersion(MODEL, 1): sure_of(8, DIGIT)})


@pytest.fixture
def client(tmp_path, server):
    publish(tmp_path, DIGIT, tuple("0123456789"), name=MODEL)
    app = Flask(__name__)
    app.register_blueprint(
        build_blueprint(Classifier(Catalogue(tmp_path), server, ImageLimits(), 1.0))
    )
    install_error_handlers(app)
    return app.test_client()


def test_the_blueprint_asks_for_the_numbers_model_and_for_no_version(client, server):
    drawing = base64.b64encode(encode(three())).decode()
    response = client.post("/api/numbers", data=json.dumps({"base64_drawing": drawing}))
    assert response.get_json()["label"] == "8"
    assert [(call.model, call.version) for call in server.calls] == [("numbers", None)]


def test_the_blueprint_answers_get_as_the_first_version_did(client):
    response = client.get("/api/numbers")
    assert response.status_code == 400
    assert response.get_json()["label"] == "null"
    assert response.get_json()["error"] == {"code": "INVALID_ARGUMENT", "message": "use POST"}


def test_head_has_the_status_of_get_and_no_body(client):
    response = client.head("/api/numbers")
    assert (response.status_code, response.data) == (400, b"")
