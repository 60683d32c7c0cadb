"""What the operations page is told about a store."""

from __future__ import annotations

import json

import pytest

from adapter.ops.overview import read_calls, read_models
from model_store.store import Store
from tests.adapter.stores import publish
from tests.model_store.pictures import DIGIT


@pytest.fixture
def store(tmp_path):
    for _ in range(3):
        publish(tmp_path, DIGIT, tuple("0123456789"), name="numbers")
    return Store(tmp_path)


def deploy(store, **value):
    path = store.root / "numbers" / "deployment.json"
    path.write_text(json.dumps({"labels": {}, **value}), "utf-8")


def only(store, states=None):
    (model,) = read_models(store, states or {})
    return model


def test_every_version_is_there_with_its_state(store):
    model = only(store, {("numbers", 2): "loading"})
    assert [version.number for version in model.versions] == [1, 2, 3]
    assert [version.state for version in model.versions] == ["end", "loading", "end"]


def test_while_no_server_tells_no_state_is_known(store):
    assert {version.state for version in only(store).versions} == {"unknown"}


def test_without_labels_the_newest_version_is_live(store):
    model = only(store)
    assert (model.live, model.labels) == (3, {})


def test_the_stable_version_is_live(store):
    deploy(store, labels={"stable": 2, "canary": 3})
    model = only(store)
    assert model.live == 2
    assert model.labels == {"stable": 2, "canary": 3}


def test_a_damaged_deployment_is_told_and_the_versions_are_still_there(store):
    (store.root / "numbers" / "deployment.json").write_text("{", "utf-8")
    model = only(store)
    assert "deployment.json" in model.problem
    assert len(model.versions) == 3


def test_a_damaged_manifest_is_told_at_its_version(store):
    (store.root / "numbers" / "2" / "manifest.json").write_text("{}", "utf-8")
    good, bad, _ = only(store).versions
    assert good.problem == ""
    assert bad.problem


def test_of_several_servers_the_state_that_needs_a_look_is_shown():
    lines = [
        'easel_servable_state{error="0",model="a",state="available",version="1"} 1.0',
        'easel_servable_state{error="0",model="a",state="loading",version="1"} 1.0',
        'easel_servable_state{error="1",model="a",state="end",version="2"} 1.0',
        'easel_servable_state{error="0",model="a",state="available",version="2"} 1.0',
        'easel_servable_state{error="0",model="a",state="available",version="3"} 0.0',
        'easel_servable_state{error="0",model="a",state="available",version="x"} 1.0',
    ]
    assert read_calls("\n".join(lines))[1] == {("a", 1): "loading", ("a", 2): "failed"}
