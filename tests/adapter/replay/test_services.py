"""A log is replayed through the service that was asked: each of them, over the bundled store."""

from __future__ import annotations

import base64
import json

import pytest

from adapter.app import create_app
from adapter.config import AdapterConfig, FeedbackConfig, Settings
from adapter.replay import cli
from adapter.wiring import build_parts, close_parts
from tests.model_store.pictures import encode, three
from tests.support import BUNDLED_STORE, ROOT

DRAWING = encode(three())
HAND = next(iter(sorted((ROOT / "export" / "recipes" / "hands").glob("*.png")))).read_bytes()
ASKED = (
    ("/api/numbers", DRAWING),
    ("/api/numbers?several=false&top_k=2", DRAWING),
    ("/api/models/numbers", DRAWING),
    ("/api/models/numbers?version=1&top_k=1", DRAWING),
    ("/api/classifier", DRAWING),
    ("/api/models/classifier?version_label=stable", DRAWING),
    ("/api/fingers", HAND),
)
SAID = (("numbers", "3"), ("numbers", "8"), ("classifier", "cat"), ("fingers", "3"))


@pytest.fixture(scope="module")
def log(numbers_server, tmp_path_factory):
    folder = tmp_path_factory.mktemp("services") / "log"
    config = AdapterConfig(store=BUNDLED_STORE, model_server=numbers_server.address)
    parts = build_parts(Settings(config, feedback=FeedbackConfig(log=str(folder))))
    client = create_app(parts).test_client()
    for path, picture in ASKED:
        status = client.post(path, data=picture).status_code
        assert status == (404 if "stable" in path else 200), path
    for model, label in SAID:
        picture = base64.b64encode(HAND if model == "fingers" else DRAWING).decode()
        body = {"base64_drawing": picture, "label": label, "model": model}
        assert client.post("/api/feedback", json=body).status_code == 200
    close_parts(parts)
    return folder


@pytest.mark.parametrize(
    ("model", "answers", "shown"), [("numbers", 4, 2), ("classifier", 1, 1), ("fingers", 1, 1)]
)
def test_the_same_version_says_the_same_through_every_service(
    log, numbers_server, capsys, model, answers, shown
):
    place = ["--store", str(BUNDLED_STORE), "--model-server", numbers_server.address]
    assert cli.main([str(log), f"{model}/1", "--json", *place]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["failed"] == {}
    assert (found["compared"], found["agreement"]) == (answers, 1.0)
    assert found["feedback"]["pictures_alone"] == shown
