"""Swaps under load: nobody who calls notices that versions come and go."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import grpc

from serving.api import health
from serving.api.calls import ModelRef
from tests.serving.load import under_load
from tests.serving.processes import serving
from tests.support import publish_linear

# Too long to wait for: it is the system that tells of changes.
NO_POLLS = ("--file_system_poll_wait_seconds", "3600")


def label(root: Path, **labels: int) -> None:
    written = root / "double" / "deployment.new"
    written.write_text(json.dumps({"labels": labels}))
    written.rename(root / "double" / "deployment.json")


def resident_bytes(pid: int) -> int:
    pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def test_labels_that_move_back_and_forth_under_load_always_name_a_version(tmp_path):
    publish_linear(tmp_path, factor=1)
    label(tmp_path, stable=1)
    refs = (ModelRef("double"), ModelRef("double", label="stable"))
    with serving(tmp_path, *NO_POLLS) as (_, address), under_load(address, refs=refs) as load:
        load.wait_for_answers(1)
        for number in (2, 3, 4):
            publish_linear(tmp_path, factor=number)
            label(tmp_path, stable=number)
            load.wait_for(number)
            label(tmp_path, stable=1, newest=number)
            load.wait_for_answers(50)
    assert load.failures == []


def test_a_stop_under_load_fails_no_call_that_was_accepted(tmp_path):
    publish_linear(tmp_path, factor=1)
    with (
        serving(tmp_path, *NO_POLLS) as (process, address),
        grpc.insecure_channel(address) as channel,
        under_load(address, callers=8) as load,
    ):
        watch = channel.unary_stream(health.WATCH)(b"")
        assert health.decode_is_serving(next(watch))
        load.wait_for_answers(100)
        process.send_signal(signal.SIGTERM)
        assert not health.decode_is_serving(next(watch))
        watch.cancel()
        assert process.wait(30) == 0
    assert load.answers > 100
    # A call that found no connection was never sent.
    assert [each for each in load.failures if "failed to connect" not in each] == []


def test_a_hundred_swaps_under_load_fail_no_call_and_cost_no_memory(tmp_path):
    publish_linear(tmp_path, factor=1)
    sizes = {}
    flags = (*NO_POLLS, "--workers", "1")
    with serving(tmp_path, *flags) as (process, address), under_load(address) as load:
        for number in range(2, 102):
            publish_linear(tmp_path, factor=number)
            if number > 51:  # from here on a version label decides
                label(tmp_path, stable=number)
            load.wait_for(number)
            sizes[number - 1] = resident_bytes(process.pid)
    assert load.failures == []
    assert load.answers > 100
    assert sizes[100] < 1.1 * sizes[5], {swaps: size >> 20 for swaps, size in sizes.items()}
