"""What is particular to buckets: claims, what killed publishers leave, and what goes wrong."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import fsspec
import pytest

from model_store.bucket import BucketStore, open_bucket
from model_store.collecting import collect
from model_store.errors import BadVersion, EaselError
from model_store.spec import ModelVersion
from tests.model_store.buckets import sync
from tests.model_store.publishing import describe, publish, publish_proven
from tests.support import ROOT

FIRST = ModelVersion("numbers", 1)


@pytest.fixture
def store(tmp_path):
    yield open_bucket(f"memory://{tmp_path.name}/models")
    fsspec.filesystem("memory").store.clear()


def objects(store: BucketStore) -> set[str]:
    return {path for path in store.files.find("") if not path.endswith(".highest_version")}


def test_a_version_is_there_when_its_manifest_is(store):
    publish(store)
    assert objects(store) == {"numbers/1/manifest.json", "numbers/1/model.onnx"}
    store.files.delete("numbers/1/manifest.json")
    assert store.versions("numbers") == ()
    assert publish(store).number == 2


def test_a_number_that_somebody_claims_is_left_alone(store):
    assert store.files.create("numbers/.publishing-1", b"")
    assert publish(store).number == 2
    store.files.delete("numbers/.publishing-1")
    assert publish(store).number == 3


def test_what_is_new_may_still_be_worked_on_and_what_is_old_is_rubbish(store):
    publish(store)
    store.files.create("numbers/2/model.onnx", b"half")
    store.files.create("numbers/.publishing-3", b"")
    store.files.create("numbers/3/model.onnx", b"half")
    assert collect(store, "numbers", None, is_trial=False).unfinished == ()
    old = replace(store, abandoned_s=-1.0)
    left = ("numbers/.publishing-3", "numbers/2", "numbers/3")
    assert collect(old, "numbers", None, is_trial=False).unfinished == left
    assert objects(store) == {"numbers/1/manifest.json", "numbers/1/model.onnx"}


def test_a_folder_whose_claim_is_new_is_still_worked_on(store):
    old = replace(store, abandoned_s=0.5)
    assert old.files.create("numbers/1/model.onnx", b"half")
    path = store.files.remote.store[f"{store.files.root}/numbers/1/model.onnx"]
    path.modified = path.modified.replace(year=2020)
    assert old.unfinished("numbers") == ("numbers/1",)
    assert store.files.create("numbers/.publishing-1", b"")
    assert replace(store, abandoned_s=3600.0).unfinished("numbers") == ()


def test_an_upload_that_fails_leaves_nothing(store):
    with pytest.raises(FileNotFoundError), store.publishing("numbers") as (folder, finish):
        (folder / "model.onnx").symlink_to(folder / "nowhere")
        (folder / "other").touch()

        def describe_and_lose(model: ModelVersion):
            found = describe(folder, model)
            (folder / "manifest.json").unlink(missing_ok=True)
            folder.rename(folder.parent / "away")
            return found

        finish(describe_and_lose)
    assert objects(store) == set()


def test_what_others_did_to_a_manifest_is_told(store):
    publish(store)
    before = store.read("numbers/1/manifest.json")
    assert store.replace("numbers/1/manifest.json", b"\xff", before)
    with pytest.raises(BadVersion, match="numbers/1"):
        store.manifest(FIRST)
    hostile = before.replace(b'"model.onnx"', b'"../other"')
    assert store.replace("numbers/1/manifest.json", hostile, b"\xff")
    with pytest.raises(BadVersion, match="is no name for a file"):
        store.verify(FIRST)
    with pytest.raises(BadVersion, match="is no name for a file"), store.at_hand(FIRST):
        pass


def test_a_service_that_fails_is_told_in_a_sentence(tmp_path):
    store = open_bucket(f"faulty://{tmp_path}/models")
    publish(store)

    def fault(action: str, path: str) -> None:
        raise ConnectionError("the network is down")

    store.files.remote.fault = fault
    try:
        with pytest.raises(EaselError, match="faulty://.*: ConnectionError: the network is down"):
            store.versions("numbers")
    finally:
        store.files.remote.fault = lambda action, path: None


def test_a_mirror_takes_what_was_published_to_a_bucket(tmp_path):
    from model_store.mirror import open_mirror

    url = f"faulty://{tmp_path}/models"
    store = open_bucket(url)

    def seal(folder) -> None:
        (folder / "model.sig").write_bytes(b"signature")

    with store.publishing("numbers", seal) as (folder, finish):
        (folder / "model.onnx").write_bytes(b"graph")
        finish(lambda model: describe(folder, model))
    publish_proven(store)
    mirror = open_mirror(url, tmp_path / "copy")
    assert sync(mirror) == ()
    assert (tmp_path / "copy" / "numbers" / "1" / "model.sig").read_bytes() == b"signature"
    assert not (tmp_path / "copy" / "numbers" / "2" / "model.sig").exists()


def test_a_kill_at_any_step_leaves_the_bucket_whole(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "tests.model_store.killing", "uploading", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=170,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 60, "it was killed at too few steps to prove anything"
