"""A bucket and a disk that fail, under a mirror: what was live stays, and it goes on after."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from model_store.store import Store
from tests.model_store.buckets import faulty, files, label, sync
from tests.model_store.publishing import publish
from tests.support import ROOT


@pytest.mark.parametrize("content", [b"secon", b"sec0nd", b"second and more", None])
def test_a_truncated_altered_or_missing_file_is_not_taken(remote, mirror, content):
    label(remote, stable=1)
    sync(mirror)
    before = files(mirror.folder)
    second = Store(remote).folder(publish(Store(remote), content=b"second")) / "model.onnx"
    second.unlink()
    if content is not None:
        second.write_bytes(content)
    label(remote, stable=2)
    shutil.rmtree(remote / "numbers" / "1")
    problems = sync(mirror)
    assert "numbers/2 is not taken: model.onnx is" in problems[0]
    assert "names version 2, which is not here" in problems[1]
    assert files(mirror.folder) == before, "what was live is still there"
    second.write_bytes(b"second")
    assert sync(mirror) == ()
    assert files(mirror.folder) == files(remote)


def edit(remote: Path, change) -> None:
    """Publish a version and change its manifest."""
    folder = Store(remote).folder(publish(Store(remote), content=b"second"))
    manifest = json.loads((folder / "manifest.json").read_text())
    change(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    "name", ["../1/model.onnx", "/etc/passwd", "a/../../b", "a\\b", "./x", "manifest.json", ""]
)
def test_a_name_that_leaves_the_folder_is_not_taken(remote, mirror, name):
    (remote / "numbers" / "passwd").write_bytes(b"second")

    def change(manifest) -> None:
        manifest["files"][name] = manifest["files"].pop("model.onnx")

    edit(remote, change)
    (problem,) = sync(mirror)
    assert "is no name for a file" in problem
    assert Store(mirror.folder).versions("numbers") == (1,)


def test_a_link_is_not_taken(remote, mirror, tmp_path):
    folder = Store(remote).folder(publish(Store(remote), content=b"second"))
    (folder / "model.onnx").rename(tmp_path / "elsewhere")
    (folder / "model.onnx").symlink_to(tmp_path / "elsewhere")
    (problem,) = sync(mirror)
    assert "is a link" in problem


@pytest.mark.parametrize("change", [{"model": "letters"}, {"version": 7}, {"format": "pickle"}])
def test_a_manifest_of_another_servable_is_not_taken(remote, mirror, change):
    edit(remote, lambda manifest: manifest.update(change))
    assert len(sync(mirror)) == 1
    assert Store(mirror.folder).versions("numbers") == (1,)


def test_a_version_that_is_still_written_is_none_yet(remote, mirror):
    (remote / "numbers" / "2").mkdir()
    (remote / "numbers" / "2" / "model.onnx").write_bytes(b"half")
    assert sync(mirror) == ()
    assert Store(mirror.folder).versions("numbers") == (1,)


def test_a_damaged_deployment_changes_no_label(remote, mirror):
    label(remote, stable=1)
    sync(mirror)
    (remote / "numbers" / "deployment.json").write_text("{")
    (problem,) = sync(mirror)
    assert "deployment.json is not taken" in problem
    assert Store(mirror.folder).version_labels("numbers") == {"stable": 1}


@pytest.mark.parametrize("where", ["bucket", "bucket/numbers", "manifest.json", "deployment.json"])
def test_a_network_that_fails_changes_nothing(remote, mirror, where):
    label(remote, stable=1)
    sync(mirror)
    before = files(mirror.folder)
    publish(Store(remote), content=b"second")
    shutil.rmtree(remote / "numbers" / "1")

    def fault(action: str, path: str) -> None:
        if path.endswith(where):
            raise RuntimeError("the network is gone")

    mirror.remote.fault = fault
    (problem,) = sync(mirror)
    assert "the network is gone" in problem
    if where != "deployment.json":
        assert files(mirror.folder) == before
    assert Store(mirror.folder).version_labels("numbers") == {"stable": 1}
    assert 1 in Store(mirror.folder).versions("numbers")
    mirror.remote.fault = lambda action, path: None
    label(remote, stable=2)
    assert sync(mirror) == ()
    assert files(mirror.folder) == files(remote)


@pytest.mark.parametrize("what", ["bucket", "bucket/numbers"])
def test_a_listing_that_is_suddenly_empty_deletes_nothing(remote, mirror, what):
    sync(mirror)
    before = files(mirror.folder)
    folder = remote.parent / what
    shutil.rmtree(folder)
    folder.mkdir()
    (problem,) = sync(mirror)
    assert "nothing is deleted here" in problem
    assert files(mirror.folder) == before


def test_a_bucket_that_disappears_in_the_middle_leaves_what_was_live(remote, mirror):
    sync(mirror)
    before = files(mirror.folder)
    publish(Store(remote), content=b"second")

    def fault(action: str, path: str) -> None:
        if action == "open":
            shutil.rmtree(remote)

    mirror.remote.fault = fault
    assert len(sync(mirror)) == 1
    assert files(mirror.folder) == before


def test_a_bucket_that_changes_in_the_middle_is_followed_in_the_end(remote, mirror):
    def fault(action: str, path: str) -> None:
        if action == "open":
            mirror.remote.fault = lambda action, path: None
            (remote / "numbers" / "1" / "model.onnx").write_bytes(b"other")

    mirror.remote.fault = fault
    assert "not taken" in sync(mirror)[0]
    shutil.rmtree(remote / "numbers" / "1")
    publish(Store(remote), content=b"second")
    assert sync(mirror) == ()
    assert files(mirror.folder) == files(remote)


def test_a_full_disk_keeps_what_is_live_and_takes_the_rest_when_there_is_room(remote, small_disk):
    mirror = faulty(remote, small_disk / "copy")
    sync(mirror)
    before = files(mirror.folder)
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(512 * 1024))
    publish(Store(remote), content=bytes(700 * 1024))
    label(remote, stable=2)
    (problem,) = sync(mirror)
    assert "No space left on device" in problem
    assert files(mirror.folder) == before, "the half version is gone"
    ballast.unlink()
    assert sync(mirror) == ()
    assert files(mirror.folder) == files(remote)


def test_what_a_killed_process_left_is_removed_at_the_next_start(remote, mirror):
    command = [sys.executable, "-m", "tests.model_store.buckets", str(remote), str(mirror.folder)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "downloading\n"
        process.kill()
    assert list(mirror.folder.rglob(".publishing-*")), "there is something to clean"
    assert sync(mirror) == ()
    assert files(mirror.folder) == files(remote)


def test_a_download_ends_when_told_to(remote, mirror):
    stop = threading.Event()
    mirror.remote.fault = lambda action, path: stop.set() if action == "open" else None
    (problem,) = mirror.sync(stop)
    assert "told to stop" in problem
    assert files(mirror.folder) == {}
