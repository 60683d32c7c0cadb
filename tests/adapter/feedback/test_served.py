"""A real adapter over a real model server: every answer that it gave is in the log."""

from __future__ import annotations

import base64
import json
import threading
import urllib.request
from pathlib import Path

import pytest

from adapter.feedback.reading import Passed, read_log
from tests.model_store.pictures import encode, three
from tests.support import BUNDLED_STORE, easel, free_port, read_until

BODY = json.dumps({"base64_drawing": base64.b64encode(encode(three())).decode()}).encode()


def post(address: str, path: str, body: bytes) -> dict:
    with urllib.request.urlopen(f"{address}{path}", body, timeout=30) as response:
        return {"id": response.headers["X-Request-Id"], **json.load(response)}


def ask_until_refused(address: str, ids: list[str], log: Path, enough: threading.Event) -> None:
    while True:
        try:
            ids.append(post(address, "/api/numbers", BODY)["id"])
        except OSError:  # it has ended
            return
        # Both processes write: one that still starts does not hear that it is to stop.
        if len(ids) >= 20 and len(list(log.glob(".open-*"))) == 2:
            enough.set()


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_sigterm_loses_no_record_of_an_answer_that_somebody_got(numbers_server, tmp_path, form):
    port, ids, enough = free_port(), [], threading.Event()
    address, log = f"http://127.0.0.1:{port}", tmp_path / "log"
    arguments = [
        "adapter", "--store", str(BUNDLED_STORE), "--model_server", numbers_server.address,
        "--port", str(port), "--workers", "2", "--feedback_log", str(log),
        "--feedback_format", form,
    ]  # fmt: skip
    with easel(*arguments) as process:
        read_until(process, "easel adapter:")
        post_when_up(address)
        callers = [
            threading.Thread(target=ask_until_refused, args=(address, ids, log, enough))
            for _ in range(3)
        ]
        for caller in callers:
            caller.start()
        assert enough.wait(60)
        corrected = json.dumps({"request_id": ids[0], "label": "8"}).encode()
        noted = post(address, "/api/feedback", corrected)
        assert noted["known"] is True
        process.terminate()
        for caller in callers:
            caller.join(60)
    records = list(read_log(log, Passed()))
    assert set(ids) <= {record.request_id for record in records if record.kind == "request"}
    assert [record.label for record in records if record.kind == "feedback"] == ["8"]
    assert {path.suffix for path in Path(log).glob("2*")} == {f".{form}"}
    assert not list(Path(log).glob(".open-*"))


def post_when_up(address: str) -> None:
    while True:
        try:
            post(address, "/api/numbers", BODY)
        except OSError:
            continue
        return
