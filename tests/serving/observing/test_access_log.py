"""A line for each call, in JSON, and a full disk ends nothing."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from serving.api.calls import ModelRef
from serving.observing.access_log import AccessLog, encode_line
from tests.serving.observing.calls import answered, failed

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_a_line_says_who_answered_and_where_the_time_went():
    line = encode_line(answered(traceparent=TRACE, x_request_id="r-1"), NOON)
    assert line.endswith("\n")
    assert json.loads(line) == {
        "time": "2026-01-02T12:00:00.000+00:00",
        "protocol": "tfs_grpc",
        "path": "/tensorflow.serving.PredictionService/Predict",
        "code": "OK",
        "total_ms": 4.0,
        "queue_ms": 1.0,
        "compute_ms": 2.0,
        "batch_rows": 5,
        "request_bytes": 800,
        "response_bytes": 60,
        "request_id": "r-1",
        "traceparent": TRACE,
        "asked": "numbers",
        "model": "numbers",
        "version": 3,
    }


def test_a_failure_says_why_in_one_line_however_long_the_callers_words():
    line = encode_line(failed(ModelRef("a\nb" * 5000)), NOON)
    assert line.count("\n") == 1
    value = json.loads(line)
    assert value["error"] == "no such model"
    assert len(value["asked"]) == 1024
    assert "version" not in value


def test_lines_are_written_in_order_and_the_last_when_it_closes(tmp_path):
    path = tmp_path / "access.jsonl"

    async def three_calls() -> None:
        log = AccessLog(str(path), lambda: NOON)
        for number in range(3):
            log.observe(answered(x_request_id=str(number)))
        log.close()

    asyncio.run(three_calls())
    ids = [json.loads(line)["request_id"] for line in path.read_text().splitlines()]
    assert ids == ["0", "1", "2"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
async def test_a_full_disk_costs_lines_and_no_calls(caplog):
    log = AccessLog("/dev/full", lambda: NOON)
    log.observe(answered())
    log.flush()
    assert "access log are lost" in caplog.text
    log.observe(answered())
    log.close()


def test_a_file_that_cannot_be_opened_is_said_at_once(tmp_path):
    with pytest.raises(OSError, match="no such folder"):
        AccessLog(str(tmp_path / "no such folder" / "log"))
