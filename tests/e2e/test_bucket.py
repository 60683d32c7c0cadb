"""Published to a bucket, signed and promoted there by the commands, and served from there."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import pytest
from fsspec.config import conf

from model_store.opening import open_store
from tests.model_store.services import s3_service
from tests.model_store.test_signing import write_keys
from tests.serving.load import under_load
from tests.serving.processes import serving
from tests.support import ROOT, easel_command, publish_linear


@pytest.fixture
def bucket(monkeypatch) -> Iterator[str]:
    """A bucket that other processes find too; the light environment has no fsspec."""
    monkeypatch.delenv("EASEL_RUNTIME_PYTHON", raising=False)
    with s3_service() as url:
        for option, value in conf["s3"].items():
            monkeypatch.setenv(f"FSSPEC_S3_{option.upper()}", str(value))
        yield f"{url}/models"


def run(*arguments: object) -> dict:
    done = subprocess.run(
        [*easel_command(*map(str, arguments)), "--json"],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_what_is_promoted_in_a_bucket_is_served_from_it(bucket, tmp_path):
    private, public = write_keys(tmp_path / "keys")
    at, store = ("--store", bucket), open_store(bucket)
    for factor in (1, 2):
        publish_linear(store, factor=factor, is_proven=True)
    run("sign", "double/2", "--key", private, *at)
    run("verify", "double/2", "--key", public, *at)
    run("promote", "double", "1", *at)
    flags = ("--mirror_dir", str(tmp_path / "copy"), "--mirror_poll_s", "1")
    with serving(bucket, *flags) as (_, address), under_load(address, callers=1) as load:
        load.wait_for_last(1)
        run("promote", "double", "2", *at)
        load.wait_for(2)
        run("rollback", "double", *at)
        load.wait_for_last(1)
    assert load.failures == []
    assert [change["to"] for change in run("history", "double", *at)["changes"]] == [1, 2, 1]
