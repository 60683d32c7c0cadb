"""Several real server processes on one port, one of them killed."""

from __future__ import annotations

import http.client
import os
import select
import signal
import threading
from contextlib import ExitStack
from pathlib import Path

import grpc
import numpy as np
import pytest

from serving.api import oip
from serving.api.protos import inference_pb2 as pb
from tests.serving.processes import two_workers
from tests.support import easel, publish_linear

CALLERS = 16


@pytest.fixture
def store(tmp_path: Path) -> Path:
    publish_linear(tmp_path)
    return tmp_path


def wait_until_gone(pid: int) -> None:
    """Until a process that is no child of ours has ended."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert select.select([handle], [], [], 30)[0], "the process lives on"
    finally:
        os.close(handle)


class Caller(threading.Thread):
    """Calls and calls on a connection of its own; a lost connection is tried again."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self.answers = self.lost = 0
        self.failure: str | None = None
        self.enough = threading.Event()
        self._address = address

    def run(self) -> None:
        request = pb.ModelInferRequest(model_name="double")
        request.inputs.add(name="x", datatype="FP32", shape=[1, 3])
        request.raw_input_contents.append(np.float32([1, 2, 3]).tobytes())
        data = request.SerializeToString()
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.initial_reconnect_backoff_ms", 50)]
        with grpc.insecure_channel(self._address, options) as channel:
            call = channel.unary_unary(oip.MODEL_INFER)
            while not self.enough.is_set() and self.failure is None:
                self._ask(call, data)

    def _ask(self, call: grpc.UnaryUnaryMultiCallable, data: bytes) -> None:
        try:
            answer = pb.ModelInferResponse.FromString(call(data, timeout=20))
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.UNAVAILABLE:
                self.lost += 1
            else:
                self.failure = f"{error.code()}: {error.details()}"
            return
        if answer.raw_output_contents[0] != np.float32([2, 4, 6]).tobytes():
            self.failure = "a wrong answer"
        self.answers += 1


def test_both_workers_take_calls_and_say_together_once_that_they_are_ready(store):
    with two_workers(store) as found:
        process, workers = found.process, found.pids
        assert set(workers) == {1, 2}
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=60)
        assert "(gRPC)" not in said, "the ready line stood there once already"
        assert process.returncode == 0
    for pid in workers.values():
        wait_until_gone(pid)


def test_workers_have_as_many_connections_each(store):
    with two_workers(store) as found, ExitStack() as stack:
        for _ in range(8):
            client = http.client.HTTPConnection(found.http, timeout=30)
            stack.callback(client.close)
            client.request("GET", "/v2/health/live")
            assert client.getresponse().read()
        port = int(found.http.rpartition(":")[2])
        assert [len(connections_of(pid, port)) for pid in found.pids.values()] == [4, 4]


def connections_of(pid: int, port: int) -> set[str]:
    """The established connections of a process to that port of its own, as inodes."""
    lines = Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]
    fields = [line.split() for line in lines]
    there = {
        each[9]
        for each in fields
        if each[3] == "01" and int(each[1].rpartition(":")[2], 16) == port
    }
    links = [str(each.readlink()) for each in Path(f"/proc/{pid}/fd").iterdir()]
    return there & {link.removeprefix("socket:[").removesuffix("]") for link in links}


def test_while_a_killed_worker_is_replaced_the_other_serves(store):
    with two_workers(store) as workers:
        callers = [Caller(workers.grpc) for _ in range(CALLERS)]
        for caller in callers:
            caller.start()
        try:
            read_answers(callers, 3)
            before = sum(caller.answers for caller in callers)
            killed = workers.pids[1]
            said = workers.end(1, signal.SIGKILL)
            after = sum(caller.answers for caller in callers)
            assert "worker 1 ended with status -9" in said
            assert after > before, "nobody was served meanwhile"
            read_answers(callers, 3)
        finally:
            for caller in callers:
                caller.enough.set()
            for caller in callers:
                caller.join(30)
        assert [caller.failure for caller in callers] == [None] * CALLERS
        assert workers.pids[1] != killed


def read_answers(callers: list[Caller], count: int) -> None:
    """Until each caller has had *count* more answers."""
    goals = [caller.answers + count for caller in callers]
    pause = threading.Event()
    while any(
        caller.answers < goal and caller.failure is None
        for caller, goal in zip(callers, goals, strict=True)
    ):
        assert not pause.wait(0.01)


def test_workers_do_not_outlive_a_supervisor_that_was_killed(store):
    with two_workers(store) as found:
        found.process.kill()
        found.process.wait(30)
        for pid in found.pids.values():
            wait_until_gone(pid)


def test_workers_that_cannot_start_end_the_command_with_their_reason(store):
    with easel(
        "serve", "--store", str(store), "--port", "0", "--rest_api_port", "0", "--workers", "2",
        "--access_log", str(store),
    ) as process:  # fmt: skip
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "the access log cannot be opened" in said
    assert "ended with status 1 at its start" in said
