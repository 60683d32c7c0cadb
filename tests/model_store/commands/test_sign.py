"""``easel sign`` and ``easel verify --key``, of folders and of buckets."""

from __future__ import annotations

import fsspec
import pytest

from model_store.opening import open_store
from tests.model_store.publishing import publish_proven
from tests.model_store.test_signing import write_keys


@pytest.fixture
def keys(tmp_path):
    return [str(path) for path in write_keys(tmp_path / "keys")]


@pytest.fixture(params=["folder", "memory"])
def place(request, store, tmp_path):
    if request.param == "folder":
        yield str(store.root)
        return
    url = f"memory://{tmp_path.name}/models"
    for _ in range(2):
        publish_proven(open_store(url))
    yield url
    fsspec.filesystem("memory").store.clear()


def test_a_version_is_signed_after_it_was_published(easel, keys, place):
    assert easel("verify", "numbers/1", "--key", keys[1], place=place).status == 1
    told = easel("sign", "numbers/1", "--key", keys[0], place=place)
    assert (told.status, told.out) == (0, "numbers/1 is signed\n")
    assert easel("verify", "numbers/1", "--key", keys[1], place=place).status == 0
    assert easel("show", "numbers/1", "--json", place=place).value["is_signed"] is True
    assert easel("show", "numbers/2", "--json", place=place).value["is_signed"] is False
    found = easel("verify", "numbers", "--key", keys[1], "--json", place=place).value["versions"]
    assert found[0]["problem"] == ""
    assert "is not signed" in found[1]["problem"]


def test_a_version_is_signed_anew_with_another_key(easel, keys, tmp_path, place):
    other = [str(path) for path in write_keys(tmp_path / "other")]
    for private in (keys[0], other[0]):
        value = easel("sign", "numbers/1", "--key", private, "--json", place=place).value
        assert value == {"name": "numbers", "version": 1, "signature": "numbers/1/model.sig"}
    assert easel("verify", "numbers/1", "--key", other[1], place=place).status == 0
    assert easel("verify", "numbers/1", "--key", keys[1], place=place).status == 1


def test_an_altered_version_is_not_signed(easel, keys, store):
    (store.root / "numbers" / "1" / "model.onnx").write_bytes(b"other")
    told = easel("sign", "numbers/1", "--key", keys[0])
    assert told.status == 1
    assert "was altered" in told.error


def test_what_is_no_key_is_a_wrong_use(easel, tmp_path):
    for command in ("sign", "verify"):
        told = easel(command, "numbers/1", "--key", str(tmp_path / "none.pem"))
        assert told.status == 2
        assert "none.pem must be an elliptic curve key" in told.error
