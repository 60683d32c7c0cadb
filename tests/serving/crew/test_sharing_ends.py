"""What several processes share beside their ports: a local socket, and the standard output."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import grpc
import pytest

from serving.api import oip
from serving.api.protos import inference_pb2 as pb
from tests.serving.processes import two_workers
from tests.support import publish_linear


@pytest.fixture
def store(tmp_path: Path) -> Path:
    root = tmp_path / "store"
    publish_linear(root)
    return root


def is_ready(target: str) -> bool:
    """Over a connection of its own."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    with grpc.insecure_channel(target, options) as channel:
        answer = channel.unary_unary(oip.SERVER_READY)(b"", timeout=20, wait_for_ready=True)
    return pb.ServerReadyResponse.FromString(answer).ready


def test_the_local_socket_is_answered_whichever_worker_dies(store, tmp_path):
    path = tmp_path / "easel.sock"
    with two_workers(store, "--grpc_socket_path", str(path)) as workers:
        for number in (1, 2):
            workers.end(number, signal.SIGKILL)
            assert all(is_ready(f"unix:{path}") for _ in range(8))
        workers.process.send_signal(signal.SIGTERM)
        assert workers.process.wait(30) == 0
    assert not path.exists()


def test_the_access_log_of_all_is_on_the_commands_standard_output(store):
    with two_workers(store, "--access_log", "-") as workers:
        for _ in range(32):
            assert is_ready(workers.grpc)
        workers.process.send_signal(signal.SIGTERM)
        said, _ = workers.process.communicate(timeout=30)
    entries = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    assert len([each for each in entries if each["path"].endswith("ServerReady")]) == 32
