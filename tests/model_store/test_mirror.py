"""A local folder that follows a bucket: what it takes, refuses, keeps and removes."""

from __future__ import annotations

import shutil
import threading

import fsspec
import pytest

from model_store.errors import EaselError, InvalidRequest
from model_store.mirror import open_mirror
from model_store.store import Store
from tests.model_store.buckets import FaultyFileSystem, faulty, files, label, sync
from tests.model_store.publishing import publish


def test_everything_is_copied_and_what_comes_and_goes_is_followed(remote, mirror):
    publish(Store(remote), "letters")
    assert sync(mirror) == ()
    assert files(mirror.folder) == files(remote)
    second = publish(Store(remote), content=b"second")
    label(remote, stable=2)
    assert sync(mirror) == ()
    assert Store(mirror.folder).verify(second).model == second
    assert Store(mirror.folder).version_labels("numbers") == {"stable": 2}
    shutil.rmtree(remote / "numbers" / "1")
    shutil.rmtree(remote / "letters")
    (remote / "numbers" / "deployment.json").unlink()
    assert sync(mirror) == ()
    assert files(mirror.folder) == files(remote)
    assert not (mirror.folder / "letters").exists()


def test_a_bucket_in_memory_is_copied_as_it_is(remote, tmp_path):
    memory = fsspec.filesystem("memory")
    memory.put(str(remote), "/shelf/models", recursive=True)
    mirror = open_mirror("memory://shelf/models", tmp_path / "copy")
    try:
        assert mirror.look() == {"numbers": 1}
        assert sync(mirror) == ()
        assert files(mirror.folder) == files(remote)
        memory.rm("/shelf", recursive=True)
        assert "cannot be mirrored" in sync(mirror)[0]
        assert files(mirror.folder) == files(remote)
    finally:
        memory.store.clear()


def test_what_is_here_is_not_read_again(remote, mirror):
    sync(mirror)
    opened = []
    mirror.remote.fault = lambda action, path: opened.append(path) if action == "open" else None
    assert sync(mirror) == ()
    assert opened == []


def test_a_copy_that_was_damaged_or_a_number_that_was_given_again_is_fetched(remote, mirror):
    sync(mirror)
    copy = mirror.folder / "numbers" / "1" / "model.onnx"
    copy.write_bytes(b"fir")
    assert sync(mirror) == ()
    assert copy.read_bytes() == b"first"
    shutil.rmtree(remote)
    publish(Store(remote), content=b"other")
    assert sync(mirror) == ()
    assert copy.read_bytes() == b"other"


def test_two_processes_with_one_folder_take_turns(remote, mirror):
    other, results, is_inside = faulty(remote, mirror.folder), [], threading.Event()
    other.remote.fault = lambda action, path: is_inside.set()
    waiting = threading.Thread(target=lambda: results.append(sync(other)))

    def fault(action: str, path: str) -> None:
        if action == "open" and waiting.ident is None:
            waiting.start()
            assert not is_inside.wait(0.3), "both at once"

    mirror.remote.fault = fault
    assert sync(mirror) == ()
    waiting.join(30)
    assert (results, is_inside.is_set()) == ([()], True)


def test_a_folder_that_holds_something_else_is_refused(remote, mirror, tmp_path):
    publish(Store(tmp_path / "mine"))
    with pytest.raises(InvalidRequest, match="--mirror_dir"):
        faulty(remote, tmp_path / "mine").claim()
    assert "is in use" in sync(faulty(remote, tmp_path / "mine"))[0]
    mirror.claim()
    with pytest.raises(InvalidRequest, match=r"mirrors faulty://.*; name another --mirror_dir"):
        open_mirror("memory://other", mirror.folder).claim()


def test_a_bucket_that_cannot_be_listed_is_told_to_who_looks(mirror, remote):
    shutil.rmtree(remote)
    with pytest.raises(EaselError, match="cannot be listed"):
        mirror.look()


def test_a_missing_package_is_named_and_so_is_an_unknown_protocol(tmp_path):
    with pytest.raises(InvalidRequest, match="pip install 'adlfs'"):
        open_mirror("abfs://bucket/models", tmp_path)
    with pytest.raises(InvalidRequest, match="nope"):
        open_mirror("nope://bucket", tmp_path)


def test_a_password_in_the_address_is_not_shown(tmp_path):
    assert open_mirror("memory://me:secret@shelf/models", tmp_path).url == "memory://shelf/models"
    assert FaultyFileSystem.protocol == "faulty"
