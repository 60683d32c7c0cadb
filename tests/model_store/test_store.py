"""The store on disk: versions are seen whole or not at all, and their numbers only grow."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_store.errors import BadVersion, InvalidRequest, ServableNotFound
from model_store.spec import ModelVersion
from model_store.store import Store, check_name
from tests.model_store.publishing import describe, publish

ROOT = Path(__file__).parents[2]


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "models")


def elsewhere(what: str, store: Store) -> subprocess.Popen[str]:
    """Run one function of ``publishing`` in another process."""
    command = [sys.executable, "-m", "tests.model_store.publishing", what, str(store.root)]
    return subprocess.Popen(
        command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )


def contents(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.name != ".highest_version"}


def test_versions_count_from_1_and_are_found_again(store):
    assert [publish(store).number for _ in range(3)] == [1, 2, 3]
    assert store.versions("numbers") == (1, 2, 3)
    assert store.models() == ("numbers",)
    assert contents(store.root / "numbers") == {"1", "2", "3"}


def test_a_published_version_is_what_was_written(store):
    model = publish(store, content=b"other graph")
    manifest = store.verify(model)
    assert manifest.model == model
    assert (store.folder(model) / "model.onnx").read_bytes() == b"other graph"
    assert contents(store.folder(model)) == {"model.onnx", "manifest.json"}


def test_a_published_version_can_be_read_by_another_user(store):
    model = publish(store)
    assert store.folder(model).stat().st_mode & 0o777 == 0o755


def test_a_number_follows_the_highest_and_not_the_first_gap(store):
    publish(store)
    (store.root / "numbers" / "1").rename(store.root / "numbers" / "9")
    assert publish(store).number == 10


def test_the_number_of_a_deleted_version_is_not_given_again(store):
    publish(store)
    shutil.rmtree(store.folder(publish(store)))
    assert publish(store).number == 3
    assert store.versions("numbers") == (1, 3)


@pytest.mark.parametrize("damage", ["", "x", "\x80"])
def test_a_damaged_record_of_the_highest_number_is_made_anew(store, damage):
    publish(store)
    (store.root / "numbers" / ".highest_version").write_text(damage, encoding="latin-1")
    assert publish(store).number == 2
    shutil.rmtree(store.root / "numbers" / "2")
    assert publish(store).number == 3


def test_after_the_highest_number_there_is_an_error_and_not_a_loop(store):
    publish(store)
    (store.root / "numbers" / "1").rename(store.root / "numbers" / ("9" * 18))
    with pytest.raises(InvalidRequest, match="no higher number is allowed"):
        publish(store)
    assert contents(store.root / "numbers") == {"9" * 18}


def test_ten_comes_after_nine(store):
    for number in ("9", "10"):
        folder = store.root / "numbers" / number
        folder.mkdir(parents=True)
        (folder / "manifest.json").touch()
    assert store.versions("numbers") == (9, 10)


@pytest.mark.parametrize("occupant", ["folder", "file"])
def test_whatever_has_a_versions_name_keeps_it(store, occupant):
    home = store.root / "numbers"
    home.mkdir(parents=True)
    if occupant == "folder":
        (home / "1").mkdir()
    else:
        (home / "1").touch()
    assert publish(store).number == 2
    assert store.versions("numbers") == (2,)


def test_a_version_that_somebody_else_took_meanwhile_is_described_again(store):
    asked = []
    with store.publishing("numbers") as (folder, finish):

        def describe_slowly(model):
            asked.append(model.number)
            if len(asked) == 1:
                publish(store)
            return describe(folder, model)

        assert finish(describe_slowly) == ModelVersion("numbers", 2)
    assert asked == [1, 2]
    assert store.verify(ModelVersion("numbers", 2)).model.number == 2


def test_publishers_in_several_processes_get_different_versions(store):
    publishers = [elsewhere("publish_many", store) for _ in range(4)]
    for publisher in publishers:
        assert publisher.stdout.readline() == "ready\n"
    for publisher in publishers:
        publisher.stdin.write("go\n")
        publisher.stdin.flush()
    told = {}
    for publisher in publishers:
        out, _ = publisher.communicate(timeout=60)
        assert publisher.returncode == 0
        told[publisher.pid] = [int(number) for number in out.split()]
        assert told[publisher.pid] == sorted(told[publisher.pid])
    assert sorted(sum(told.values(), [])) == list(range(1, 21)) == list(store.versions("numbers"))
    for pid, numbers in told.items():
        for number in numbers:
            model = ModelVersion("numbers", number)
            store.verify(model)
            assert (store.folder(model) / "model.onnx").read_text() == str(pid)
    assert contents(store.root / "numbers") == {str(number) for number in range(1, 21)}


def test_an_exception_while_publishing_leaves_nothing_behind(store):
    publish(store)
    with pytest.raises(ZeroDivisionError), store.publishing("numbers") as (folder, _):
        (folder / "model.onnx").write_bytes(b"half a gr")
        raise ZeroDivisionError
    assert contents(store.root / "numbers") == {"1"}


def test_an_exception_while_describing_leaves_nothing_behind(store):
    with pytest.raises(ZeroDivisionError), store.publishing("numbers") as (_, finish):
        finish(lambda _: 1 / 0)
    assert not contents(store.root / "numbers")
    assert store.models() == ()


def test_a_block_that_does_not_publish_leaves_nothing_behind(store):
    with store.publishing("numbers") as (folder, _):
        (folder / "model.onnx").write_bytes(b"graph")
    assert not contents(store.root / "numbers")


@pytest.mark.parametrize("how", ["die_with_files_written", "die_while_describing"])
def test_a_publisher_killed_in_the_middle_leaves_no_version(store, how):
    with elsewhere(how, store) as publisher:
        publisher.communicate(timeout=60)
    assert publisher.returncode == -signal.SIGKILL
    assert contents(store.root / "numbers"), "it died too early to prove anything"
    assert store.versions("numbers") == ()
    assert store.models() == ()
    assert publish(store).number == 1


def test_a_folder_without_a_manifest_is_no_version(store):
    model = publish(store)
    (store.folder(model) / "manifest.json").unlink()
    assert store.versions("numbers") == ()
    assert store.models() == ()
    with pytest.raises(ServableNotFound, match="no version numbers/1"):
        store.manifest(model)


@pytest.mark.parametrize(
    "name", ["0", "01", "-1", "1.0", "v1", "latest", "1 ", "+1", "1" * 40, "１"]
)
def test_a_folder_whose_name_is_no_version_number_is_passed_over(store, name):
    (store.root / "numbers" / name).mkdir(parents=True)
    (store.root / "numbers" / name / "manifest.json").touch()
    assert store.versions("numbers") == ()


def test_hidden_folders_and_loose_files_are_no_models(store):
    publish(store)
    (store.root / "README.md").touch()
    (store.root / ".git" / "1").mkdir(parents=True)
    (store.root / ".git" / "1" / "manifest.json").touch()
    assert store.models() == ("numbers",)


def test_an_unknown_model_has_no_versions_and_a_missing_store_is_told(store):
    assert store.versions("cats") == ()
    with pytest.raises(ServableNotFound, match="no model store at"):
        store.models()


def test_a_version_that_says_it_is_another_is_refused(store):
    model = publish(store)
    store.folder(model).rename(store.root / "numbers" / "2")
    with pytest.raises(BadVersion, match="says it is numbers/1"):
        store.manifest(ModelVersion("numbers", 2))


def test_a_damaged_manifest_is_told_with_the_version(store):
    model = publish(store)
    (store.folder(model) / "manifest.json").write_text("{}")
    with pytest.raises(BadVersion, match=r"numbers/1: manifest\.json lacks 'schema'"):
        store.manifest(model)
    (store.folder(model) / "manifest.json").write_bytes(b"\xff")
    with pytest.raises(BadVersion, match="cannot be read"):
        store.manifest(model)


def test_verifying_looks_at_the_files_and_reading_the_manifest_does_not(store):
    model = publish(store)
    (store.folder(model) / "model.onnx").write_bytes(b"grapH")
    store.manifest(model)
    with pytest.raises(BadVersion, match="was altered"):
        store.verify(model)


def publish_labels(store: Store, content: bytes):
    with store.publishing("numbers") as (folder, finish):
        (folder / "labels.txt").write_bytes(content)
        model = finish(lambda model: describe(folder, model, labels_file="labels.txt"))
    return store.manifest(model)


def test_class_labels_are_the_lines_of_their_file(store):
    assert store.class_labels(publish_labels(store, "고양이\ndog\n".encode())) == ("고양이", "dog")
    assert store.class_labels(store.manifest(publish(store))) == ()


def test_class_labels_that_are_gone_or_no_text_are_a_bad_version(store):
    manifest = publish_labels(store, b"\xff\n")
    with pytest.raises(BadVersion, match="numbers/1: the class labels cannot be read"):
        store.class_labels(manifest)
    (store.folder(manifest.model) / "labels.txt").unlink()
    with pytest.raises(BadVersion, match="numbers/1: the class labels cannot be read"):
        store.class_labels(manifest)


def test_version_labels_come_from_the_deployment_file(store):
    publish(store)
    assert store.version_labels("numbers") == {}
    path = store.root / "numbers" / "deployment.json"
    path.write_text(json.dumps({"labels": {"stable": 1, "canary": 2}, "weights": {}}))
    assert store.version_labels("numbers") == {"stable": 1, "canary": 2}


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "{}", "null", '{"labels": 5}', '{"labels": ["stable"]}',
        '{"labels": {"stable": "one"}}', '{"labels": {"stable": null}}',
        '{"labels": {"stable": 1e999}}', "[" * 100_000, "\x80",
    ],
    ids=lambda text: text[:20],
)  # fmt: skip
def test_a_damaged_deployment_file_is_told_with_its_path(store, text):
    publish(store)
    (store.root / "numbers" / "deployment.json").write_text(text, encoding="latin-1")
    with pytest.raises(BadVersion, match=r"deployment\.json cannot be read"):
        store.version_labels("numbers")


@pytest.mark.parametrize("name", ["numbers", "Numbers-2", "a", "7", "my_model.v2", "x" * 128])
def test_a_plain_word_names_a_model(name):
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name", ["", ".", "..", ".hidden", "-x", "a/b", "a\\b", "a b", "a\n", "é", "x" * 129, "a\0"]
)
def test_a_name_that_could_leave_the_store_or_hide_in_it_is_refused(name):
    with pytest.raises(InvalidRequest, match="cannot name a model"):
        check_name(name)


@given(st.text() | st.text("./\\~-_a0\n", min_size=1))
def test_any_accepted_name_is_one_visible_folder_right_in_the_store(name):
    store = Store(Path("/srv/models"))
    try:
        folder = store.folder(ModelVersion(name, 1))
    except InvalidRequest:
        return
    assert Path(os.path.normpath(folder)).parent.parent == store.root
    assert not name.startswith(".")
    assert name.isascii()
    assert name.isprintable()


@pytest.mark.parametrize("name", ["../evil", "/etc", ""])
def test_every_way_into_the_store_checks_the_name(store, name):
    store.root.mkdir()
    for enter in (
        store.versions,
        store.version_labels,
        lambda name: store.manifest(ModelVersion(name, 1)),
        lambda name: store.publishing(name).__enter__(),
    ):
        with pytest.raises(InvalidRequest):
            enter(name)
    assert not contents(store.root)


def test_a_store_that_is_not_there_has_no_homes(tmp_path):
    with pytest.raises(ServableNotFound, match="there is no model store at"):
        Store(tmp_path / "none").homes()
