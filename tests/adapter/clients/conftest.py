"""Real servers of every kind with the model of ``sums``."""

from __future__ import annotations

import subprocess

import pytest

from tests.adapter.clients import sums
from tests.adapter.clients.grpc_server import opened
from tests.conformance.environments import python_of
from tests.conformance.triton_server import CannotRun as NoTriton
from tests.conformance.triton_server import triton_server
from tests.support import free_port, running_server
from tests.torchserve_server import CannotRun as NoTorchServe
from tests.torchserve_server import torchserve as torchserve_server


@pytest.fixture(scope="session")
def easel_sums(tmp_path_factory):
    with running_server(sums.write_store(tmp_path_factory.mktemp("sums"))) as server:
        yield server


@pytest.fixture(scope="session")
def triton_sums(tmp_path_factory):
    repository = sums.write_triton_repository(tmp_path_factory.mktemp("repository"))
    try:
        with triton_server(repository, tmp_path_factory.mktemp("triton")) as server:
            yield server
    except NoTriton as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="session")
def kserve_sums(tmp_path_factory):
    """The gRPC address of KServe's own server; the model has no versions there."""
    python = python_of("kserve")
    ports = [str(free_port()) for _ in range(2)]
    log = tmp_path_factory.mktemp("kserve") / "log"
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [python, sums.KSERVE, *ports],
            stdout=output,
            stderr=output,
            env={"PATH": "/usr/bin:/bin"},
        ) as process,
    ):
        client = opened(f"oip://127.0.0.1:{ports[1]}")
        while not client.is_ready(timeout_s=5):
            assert process.poll() is None, log.read_text()
        client.close()
        yield f"127.0.0.1:{ports[1]}"
        process.terminate()


@pytest.fixture(scope="session")
def torchserve_sums(tmp_path_factory):
    archives = sums.write_archives(tmp_path_factory.mktemp("mar"))
    folder = tmp_path_factory.mktemp("torchserve")
    live = {sums.MODEL: sums.LIVE}
    try:
        with torchserve_server(archives, folder, 2, live=live, wants_token=True) as server:
            yield server
    except NoTorchServe as reason:
        pytest.skip(str(reason))
