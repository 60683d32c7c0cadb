"""What is rubbish: what killed processes have left and old versions, never a live one."""

from __future__ import annotations

import json

import pytest

from model_store.changing import Author, promote, roll_back
from model_store.collecting import collect, old_versions
from model_store.errors import BadVersion
from model_store.spec import ModelVersion
from model_store.store import Store
from tests.model_store.publishing import publish_proven

ANA = Author("ana")


@pytest.fixture
def store(tmp_path) -> Store:
    store = Store(tmp_path / "models")
    for _ in range(6):
        publish_proven(store)
    return store


def name(store: Store, label: str, *numbers: int) -> None:
    for number in numbers:
        promote(store, ModelVersion("numbers", number), label, ANA)


def damage(store: Store, number: int) -> None:
    (store.root / "numbers" / str(number) / "model.onnx").write_bytes(b"other")


def test_old_versions_go_and_the_newest_and_the_live_stay(store):
    name(store, "stable", 2)
    assert old_versions(store, "numbers", 2) == (1, 3, 4)
    assert collect(store, "numbers", 2, is_trial=False).versions == (1, 3, 4)
    assert store.versions("numbers") == (2, 5, 6)
    store.verify(ModelVersion("numbers", 2))
    assert publish_proven(store).number == 7


def test_nothing_old_goes_unless_asked(store):
    assert old_versions(store, "numbers", None) == ()


def test_a_trial_deletes_nothing(store):
    assert collect(store, "numbers", 1, is_trial=True).versions == (1, 2, 3, 4)
    assert store.versions("numbers") == (1, 2, 3, 4, 5, 6)


def test_what_a_rollback_leads_to_stays(store):
    name(store, "stable", 1, 3, 4)
    roll_back(store, "numbers", "stable", ANA)
    assert old_versions(store, "numbers", 1) == (2, 5), "1 is next, 4 was just taken back"


def test_what_later_keys_speak_of_stays(store):
    value = {"labels": {"stable": 6}, "traffic": {"2": 10, "6": 90}, "shadow": {"version": 3}}
    (store.root / "numbers" / "deployment.json").write_text(json.dumps(value))
    assert old_versions(store, "numbers", 1) == (1, 4, 5)


def test_a_damaged_version_does_not_count_among_those_that_are_kept(store):
    name(store, "stable", 1)
    damage(store, 6)
    damage(store, 4)
    assert old_versions(store, "numbers", 2) == (2,), "5 and 3 are whole; 6 is newer, 4 between"


def test_without_the_label_stable_one_more_stays_to_fall_back_to(store):
    assert old_versions(store, "numbers", 1) == (1, 2, 3, 4)
    name(store, "canary", 2)
    assert old_versions(store, "numbers", 1) == (1, 3, 4)


def test_where_what_is_live_cannot_be_read_nothing_goes(store):
    (store.root / "numbers" / "deployment.json").write_text("{")
    with pytest.raises(BadVersion):
        collect(store, "numbers", 1, is_trial=False)
    assert len(store.versions("numbers")) == 6


def test_what_somebody_is_filling_now_stays_and_what_was_left_goes(store):
    home = store.root / "numbers"
    (home / ".publishing-left").mkdir()
    (home / ".publishing-left" / "model.onnx").touch()
    (home / ".publishing-text").touch()
    (home / ".publishing-link").symlink_to(store.root)
    with store.publishing("numbers") as (folder, _):
        found = collect(store, "numbers", None, is_trial=True).unfinished
        assert set(found) == {f"numbers/.publishing-{each}" for each in ("left", "link", "text")}
        collect(store, "numbers", None, is_trial=False)
        assert [path.name for path in home.glob(".publishing-*")] == [folder.name]
    assert store.models() == ("numbers",)


def test_a_model_whose_first_publishing_was_killed_is_cleaned_too(store):
    (store.root / "letters" / ".publishing-left").mkdir(parents=True)
    assert store.homes() == ("letters", "numbers")
    collect(store, "letters", 1, is_trial=False)
    assert list((store.root / "letters").iterdir()) == []
