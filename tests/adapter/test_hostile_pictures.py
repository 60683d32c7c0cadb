"""Pictures that mean harm, sent over HTTP: each is answered with what to do, none is asked about."""

from __future__ import annotations

import pytest

from adapter.config import AdapterConfig
from benchmarks.hostile import PICTURES
from model_store.spec import ModelVersion
from tests.adapter.stores import publish, sure_of
from tests.adapter.support import client_over
from tests.fakes import FakeModelServer
from tests.model_store.images.test_hostile import SHOWN
from tests.model_store.pictures import COLOUR

# A type that the route knows, so that a body of anything is read as a picture.
BODY = {"content_type": "image/png"}


@pytest.fixture(scope="module")
def server():
    return FakeModelServer({ModelVersion("classifier", 1): sure_of(1, COLOUR)})


@pytest.fixture(scope="module")
def client(tmp_path_factory, server):
    root = tmp_path_factory.mktemp("models")
    publish(root, COLOUR, tuple("abcdefghij"), name="classifier")
    return client_over(AdapterConfig(store=root, services=("classifier",)), server)


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_that_means_harm_is_answered_with_what_to_do(client, server, name):
    asked_before = len(server.calls)
    response = client.post("/api/classifier", data=PICTURES[name](), **BODY)
    if name in SHOWN:
        assert response.status_code == 200
        return
    assert response.status_code in {400, 413}
    told = response.get_json()
    assert told["label"] == "null"
    assert "send" in told["error"]["message"] or "bytes" in told["error"]["message"]
    assert len(server.calls) == asked_before
