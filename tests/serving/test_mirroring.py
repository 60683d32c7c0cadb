"""Servers whose store is in a bucket: started, followed, and what goes wrong on the way."""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from model_store.errors import InvalidRequest
from model_store.store import Store
from serving.api.calls import ModelRef
from serving.config import ServerConfig
from serving.doctor import Verdict
from serving.mirroring import local_store, open_mirror, pause_s, with_mirror_dir
from tests.serving.bad_versions import nothing, publish
from tests.serving.load import under_load
from tests.serving.processes import serving
from tests.serving.test_doctor import findings
from tests.support import (
    ROOT,
    TIMES_TWO,
    easel,
    free_port,
    linear_graph,
    publish_linear,
    read_until,
)

FAST = ("--mirror_poll_s", "1")


@pytest.fixture(autouse=True)
def with_fsspec(monkeypatch) -> None:
    """The light environment has none, as the extra is not the server's."""
    monkeypatch.delenv("EASEL_RUNTIME_PYTHON", raising=False)


@pytest.fixture
def bucket(tmp_path: Path) -> Path:
    publish_linear(tmp_path / "bucket", factor=1)
    return tmp_path / "bucket"


def flags(copy: Path) -> tuple[str, ...]:
    return ("--mirror_dir", str(copy), *FAST)


def label(bucket: Path, **labels: int) -> None:
    written = bucket / "double" / ".labels"
    written.write_text(json.dumps({"labels": labels}))
    written.replace(bucket / "double" / "deployment.json")


def test_versions_and_labels_of_a_bucket_are_followed_under_load(bucket, tmp_path):
    label(bucket, stable=1)
    refs = (ModelRef("double"), ModelRef("double", label="stable"))
    with serving(f"file://{bucket}", *flags(tmp_path / "copy")) as (_, address):
        with under_load(address, refs=refs) as load:
            publish_linear(bucket, factor=2)
            label(bucket, stable=2)
            load.wait_for(2)
            publish_linear(bucket, factor=3)
            label(bucket, stable=3)
            load.wait_for(3)
    assert load.failures == []


def test_a_full_disk_under_load_is_logged_and_gone_when_there_is_room(bucket, small_disk):
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(512 * 1024))

    def fill(folder: Path) -> None:
        linear_graph(folder / "model.onnx", TIMES_TWO, 2)
        (folder / "notes.bin").write_bytes(bytes(700 * 1024))

    with (
        serving(f"file://{bucket}", *flags(small_disk / "copy")) as (process, address),
        under_load(address, callers=1) as load,
    ):
        publish(bucket, fill, nothing)
        said = read_until(process, "No space left on device")
        assert "what is here is served" in said
        load.wait_for_answers(20)
        assert Store(small_disk / "copy").versions("double") == (1,)
        ballast.unlink()
        load.wait_for(2)
    assert load.failures == []


def test_a_bucket_out_of_reach_at_the_start_leaves_what_was_copied_before(bucket, tmp_path):
    url, copy = f"file://{bucket}", tmp_path / "copy"
    with serving(url, *flags(copy)):
        pass
    away = bucket.rename(tmp_path / "away")
    ports = ("--port", "0", "--rest_api_port", "0")
    with easel("serve", "--store", url, *ports, *flags(copy)) as process:
        said = read_until(process, "(gRPC)")
        assert "cannot be mirrored" in said
        assert "what is here is served" in said
        with under_load(re.search(r"on (\S+) \(gRPC\)", said)[1], callers=1) as load:
            load.wait_for_answers(5)
            publish_linear(away, factor=2)
            away.rename(bucket)
            load.wait_for(2)
    assert load.failures == []


def test_without_a_copy_the_server_says_so_and_is_unready_until_the_bucket_is_there(tmp_path):
    port = free_port()
    with easel(
        "serve", "--store", f"file://{tmp_path}/bucket", "--port", "0",
        "--rest_api_port", str(port), *flags(tmp_path / "copy"),
    ) as process:  # fmt: skip
        said = read_until(process, "nothing to serve yet")
        assert "cannot be mirrored" in said
        assert status_of(port, "/healthz") == 200
        assert status_of(port, "/readyz") == 503
        publish_linear(tmp_path / "elsewhere", factor=1)
        (tmp_path / "elsewhere").rename(tmp_path / "bucket")
        assert "double/1" in read_until(process, "(gRPC)")
        assert status_of(port, "/readyz") == 200


def test_workers_share_one_copy(bucket, tmp_path):
    with serving(f"file://{bucket}", *flags(tmp_path / "copy"), "--workers", "2") as (_, address):
        with under_load(address) as load:
            publish_linear(bucket, factor=2)
            load.wait_for(2)
        assert load.failures == []


def status_of(port: int, path: str) -> int:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request("GET", path)
        return connection.getresponse().status


def command(text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """``easel`` with *arguments*, after *text* in the same process."""
    code = f"import sys\n{text}\nfrom easel.cli import main\nsys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def test_without_fsspec_only_a_url_is_refused_and_the_extra_is_named(bucket):
    without = "sys.modules['fsspec'] = None"
    done = command(without, "serve", "--store", "s3://bucket/models")
    assert (done.returncode, "'easel[serving,bucket]'" in done.stderr) == (2, True)
    done = command(without, "doctor", "--store", str(bucket), "--port", "0", "--rest_api_port", "0")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_missing_package_of_a_bucket_is_a_wrong_use(tmp_path):
    store = ("--store", "abfs://bucket/models", "--mirror_dir", str(tmp_path / "copy"))
    done = command("", "serve", *store)
    assert (done.returncode, "pip install 'adlfs'" in done.stderr) == (2, True)
    assert "pip install 'adlfs'" in command("", "doctor", *store).stdout


def test_easel_up_says_how_a_bucket_is_served():
    done = command("", "up", "--store", "s3://bucket/models")
    assert (done.returncode, "easel serve --store s3://bucket" in done.stderr) == (2, True)


def test_a_folder_of_somebody_else_is_a_wrong_use(bucket, tmp_path):
    publish_linear(tmp_path / "mine")
    store = ("--store", f"file://{bucket}", "--mirror_dir", str(tmp_path / "mine"))
    done = command("", "serve", *store)
    assert (done.returncode, "is in use" in done.stderr) == (2, True)


def test_the_doctor_looks_into_bucket_and_copy(bucket, tmp_path):
    url, copy = f"file://{bucket}", tmp_path / "copy"
    found = findings(url, mirror_dir=str(copy))
    assert "1 model, 1 version" in found["bucket"].text
    assert not copy.exists(), "it only looks"
    with serving(url, *flags(copy)):
        pass
    (bucket / "double" / "1" / "manifest.json").unlink()
    bucket.rename(tmp_path / "away")
    found = findings(url, mirror_dir=str(copy))
    assert (found["bucket"].verdict, found["double/1"].verdict) == (Verdict.BAD, Verdict.GOOD)


def test_a_copy_has_a_folder_of_its_own_in_the_cache_without_a_password_in_its_name():
    config = ServerConfig(store="sftp://me:secret@host/models")
    first = with_mirror_dir(config, {"HOME": "/home/me"})
    assert re.fullmatch(r"/home/me/\.cache/easel/sftp-host-models-[0-9a-f]{12}", first.mirror_dir)
    assert local_store(first) == Path(first.mirror_dir)
    other = with_mirror_dir(replace(config, store="sftp://host/models"), {"XDG_CACHE_HOME": "/c"})
    assert other.mirror_dir.startswith("/c/easel/")
    assert Path(other.mirror_dir).name != Path(first.mirror_dir).name
    named = replace(config, mirror_dir="/here")
    assert with_mirror_dir(named, {"HOME": "/home/me"}) is named
    with pytest.raises(InvalidRequest, match="--mirror_dir"):
        local_store(with_mirror_dir(config, {}))


def test_a_bucket_is_not_asked_without_a_pause(tmp_path):
    config = ServerConfig(store="memory://x", mirror_dir=str(tmp_path), mirror_poll_s=0.5)
    with pytest.raises(InvalidRequest, match="at least 1"):
        open_mirror(config)


def test_failures_in_a_row_are_tried_again_more_and_more_slowly():
    assert pause_s(0, 10) == 10
    assert [pause_s(count, 10) for count in (1, 2, 3, 6, 5000)] == [1, 2, 4, 30, 30]
    assert pause_s(5000, 60) == 60
