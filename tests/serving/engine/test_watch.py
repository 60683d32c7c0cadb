"""Folders that change, and the thread that tells."""

from __future__ import annotations

import queue

import pytest

from serving.engine.watch import FolderWatch


@pytest.fixture
def told():
    return queue.Queue()


@pytest.fixture
def watch(told):
    watch = FolderWatch(lambda: told.put("changed"))
    yield watch
    watch.close()


def heard(told: queue.Queue) -> str:
    return told.get(timeout=20)


def test_a_change_deep_below_is_told(tmp_path, watch, told):
    (tmp_path / "model").mkdir()
    watch.follow([tmp_path])
    heard(told)  # that the watch began: nobody knows what changed before
    (tmp_path / "model" / "deployment.json").touch()
    assert heard(told)


def test_a_version_that_appears_by_a_rename_is_told(tmp_path, watch, told):
    (tmp_path / "model" / ".publishing-x").mkdir(parents=True)
    watch.follow([tmp_path])
    heard(told)
    (tmp_path / "model" / ".publishing-x").rename(tmp_path / "model" / "1")
    assert heard(told)


def test_a_folder_that_comes_later_is_watched_when_asked_again(tmp_path, watch, told):
    watch.follow([tmp_path / "later"])
    (tmp_path / "later").mkdir()
    watch.follow([tmp_path / "later"])
    heard(told)
    (tmp_path / "later" / "model").mkdir()
    assert heard(told)


def test_another_folder_under_the_same_name_is_watched_when_asked_again(tmp_path, watch, told):
    home = tmp_path / "models"
    home.mkdir()
    watch.follow([home])
    heard(told)
    home.rename(tmp_path / "away")
    home.mkdir()
    while not told.empty():
        told.get()
    watch.follow([home])
    heard(told)
    (home / "model").mkdir()
    assert heard(told)


def test_watching_what_is_watched_already_begins_nothing(tmp_path, watch, told):
    watch.follow([tmp_path])
    heard(told)
    thread = watch._thread
    watch.follow([tmp_path])
    assert watch._thread is thread


def test_a_watch_that_never_began_can_be_closed(watch):
    watch.close()
    watch.close()


def test_nothing_is_watched_any_more_once_it_is_closed(tmp_path):
    watch = FolderWatch(lambda: None)
    watch.close()
    watch.follow([tmp_path])
    assert watch._thread is None
