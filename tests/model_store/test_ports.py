"""What every store does, be it a folder, in memory, or in a bucket of a real service."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import fsspec
import pytest

from model_store.changing import Author, promote, read_deployment, read_history, roll_back
from model_store.collecting import collect
from model_store.errors import BadVersion, EaselError, InvalidRequest, ServableNotFound
from model_store.opening import open_store
from model_store.ports import ModelStore
from model_store.spec import ModelVersion
from tests.model_store.buckets import FaultyFileSystem
from tests.model_store.publishing import describe, publish, publish_proven
from tests.model_store.services import gs_service, s3_service

ANA = Author("ana")
FIRST = ModelVersion("numbers", 1)


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    with s3_service() as url:
        yield url


@pytest.fixture(scope="session")
def gs() -> Iterator[str]:
    with gs_service() as url:
        yield url


@pytest.fixture(params=["folder", "file", "faulty", "memory", "s3", "gs"])
def store(request, tmp_path) -> Iterator[ModelStore]:
    assert FaultyFileSystem.protocol == "faulty"
    place = {
        "folder": f"{tmp_path}/models",
        "file": f"file://{tmp_path}/models",
        "faulty": f"faulty://{tmp_path}/models",
        "memory": f"memory://{tmp_path.name}/models",
    }.get(request.param)
    if place is None:
        place = f"{request.getfixturevalue(request.param)}/{tmp_path.name}/models"
    yield open_store(place)
    fsspec.filesystem("memory").store.clear()


def test_versions_are_published_found_and_verified(store):
    assert [publish_proven(store).number for _ in range(2)] == [1, 2]
    publish(store, "letters")
    assert store.models() == ("letters", "numbers") == store.homes()
    assert store.versions("numbers") == (1, 2)
    assert store.versions("absent") == ()
    assert store.verify(FIRST) == store.manifest(FIRST)
    assert store.read("numbers/1/model.onnx") == b"graph"
    assert store.read("numbers/1/absent") is None
    with store.at_hand(FIRST) as folder:
        assert {path.name for path in folder.iterdir()} == {
            "manifest.json", "model.onnx", "parity.json",
        }  # fmt: skip


def test_a_store_that_is_not_there_has_no_models_and_one_can_be_published(store):
    with pytest.raises(ServableNotFound, match="there is no model store at"):
        store.models()
    assert store.versions("numbers") == ()
    with pytest.raises(ServableNotFound):
        store.manifest(FIRST)
    assert publish(store) == FIRST


# gcsfs sends what it was given in one piece, and aiohttp says that it could be better.
@pytest.mark.filterwarnings("ignore:Sending a large body directly:ResourceWarning")
def test_files_in_folders_come_back_as_they_were(store):
    with store.publishing("numbers") as (folder, finish):
        (folder / "variables").mkdir()
        (folder / "variables" / "data").write_bytes(b"x" * 3_000_000)
        (folder / "empty").touch()
        model = finish(lambda model: describe(folder, model))
    assert store.verify(model).files.keys() == {"variables/data", "empty"}
    with store.at_hand(model) as folder:
        assert (folder / "variables" / "data").stat().st_size == 3_000_000


def test_a_failed_publishing_leaves_nothing(store):
    publish(store)
    with pytest.raises(ZeroDivisionError), store.publishing("numbers") as (_, finish):
        finish(lambda _: 1 / 0)
    assert store.versions("numbers") == (1,)
    assert publish(store).number == 2


def test_what_is_altered_is_told(store):
    publish(store)
    assert store.replace("numbers/1/model.onnx", b"other", b"graph")
    with pytest.raises(BadVersion, match=r"model\.onnx"):
        store.verify(FIRST)


def test_what_the_manifest_does_not_name_is_told(store):
    publish(store)
    assert store.replace("numbers/1/extra", b"more", None)
    with pytest.raises(BadVersion, match="extra is not in the manifest"):
        store.verify(FIRST)


def test_a_manifest_of_another_version_is_told(store):
    publish(store)
    publish(store)
    text = store.read("numbers/1/manifest.json")
    assert store.replace("numbers/2/manifest.json", text, store.read("numbers/2/manifest.json"))
    with pytest.raises(BadVersion, match="says it is numbers/1"):
        store.manifest(ModelVersion("numbers", 2))


def test_a_file_is_replaced_only_if_it_is_what_was_read(store):
    publish(store)
    assert store.replace("numbers/notes", b"1", None)
    assert not store.replace("numbers/notes", b"2", None)
    assert not store.replace("numbers/notes", b"2", b"0")
    assert store.replace("numbers/notes", b"2", b"1")
    assert store.read("numbers/notes") == b"2"


def test_lines_are_added_and_one_that_was_cut_short_goes(store):
    publish(store)
    store.append("numbers/lines", b"one")
    store.append("numbers/lines", b"two")
    assert store.replace("numbers/lines", b"one\ntwo\nthr", b"one\ntwo\n")
    store.append("numbers/lines", b"four")
    assert store.read("numbers/lines") == b"one\ntwo\nfour\n"


def test_versions_are_promoted_rolled_back_and_old_ones_deleted(store):
    for _ in range(4):
        publish_proven(store)
    for number in (1, 3):
        promote(store, ModelVersion("numbers", number), "stable", ANA)
    assert roll_back(store, "numbers", "stable", ANA).after == 1
    assert read_deployment(store, "numbers").labels == {"stable": 1}
    assert [change.after for change in read_history(store, "numbers").changes] == [1, 3, 1]
    assert collect(store, "numbers", 1, is_trial=False).versions == (2,)
    assert store.versions("numbers") == (1, 3, 4)


def test_the_number_of_a_deleted_version_is_not_given_again(store):
    publish(store)
    store.remove(publish(store))
    assert store.versions("numbers") == (1,)
    assert publish(store).number == 3


# Not where nothing can be made only once: the emulator of Google's storage passes over the
# condition that gcsfs sends, and fsspec looks before it writes to plain files.
@pytest.mark.parametrize("store", ["folder", "memory", "s3"], indirect=True)
def test_publishers_at_once_get_different_versions(store):
    found: list[int] = []
    ready = threading.Barrier(4)

    def work() -> None:
        ready.wait(30)
        found.extend(publish(store, content=str(i).encode()).number for i in range(2))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(set(found)) == 8
    assert tuple(sorted(found)) == store.versions("numbers")
    for number in found:
        store.verify(ModelVersion("numbers", number))


@pytest.mark.parametrize("store", ["folder", "s3"], indirect=True)
def test_where_there_are_locks_or_conditions_no_change_is_lost(store):
    publish_proven(store)
    publish_proven(store)
    ready = threading.Barrier(4)

    def work(label: str) -> None:
        ready.wait(30)
        for number in (1, 2):
            promote(store, ModelVersion("numbers", number), label, ANA)

    threads = [threading.Thread(target=work, args=(f"label{i}",)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert read_deployment(store, "numbers").labels == {f"label{i}": 2 for i in range(4)}
    numbers = [change.number for change in read_history(store, "numbers").changes]
    assert numbers == list(range(1, 9))


@pytest.mark.parametrize("name", ["../evil", "/etc", "", ".hidden"])
def test_a_name_that_could_leave_the_store_is_refused(store, name):
    for enter in (store.versions, lambda name: store.publishing(name).__enter__()):
        with pytest.raises(InvalidRequest):
            enter(name)
    with pytest.raises((InvalidRequest, EaselError)):
        store.manifest(ModelVersion(name, 1))
