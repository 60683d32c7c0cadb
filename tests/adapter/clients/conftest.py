"""Real servers of every kind with the model of ``sums``."""

from __future__ import annotations

import pytest

from tests.adapter.clients import sums
from tests.conformance.triton_server import CannotRun as NoTriton
from tests.conformance.triton_server import triton_server
from tests.support import running_server
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
def torchserve_sums(tmp_path_factory):
    archives = sums.write_archives(tmp_path_factory.mktemp("mar"))
    folder = tmp_path_factory.mktemp("torchserve")
    live = {sums.MODEL: sums.LIVE}
    try:
        with torchserve_server(archives, folder, 2, live=live, wants_token=True) as server:
            yield server
    except NoTorchServe as reason:
        pytest.skip(str(reason))
