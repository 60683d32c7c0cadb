"""Clients in processes that fork: threads and connections stay with the parent."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from model_store.spec import ModelVersion
from tests.adapter.clients.grpc_server import TfsHandler, serving
from tests.adapter.clients.http_server import HttpModels, serving_http
from tests.adapter.stores import sure_of
from tests.fakes import FakeModelServer
from tests.model_store.pictures import DIGIT

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def servers():
    """Texts of ``model_servers`` with one server and with two, which a thread looks after."""
    handler = TfsHandler(FakeModelServer({ModelVersion("numbers", 1): sure_of(3, DIGIT)}))
    models = HttpModels(handler.behind)
    with serving(handler) as first, serving(handler) as second, serving_http(models) as http:
        yield {
            "one": f"tfs://{first}",
            "two": f"tfs://{first};{second}",
            "http": f"oip+http://{http}",
        }


FORK = r"""
import os, sys
import numpy as np
from adapter.clients.opening import open_servers
from adapter.clients.servers import parse_servers

def ask(name):
    scores = client.predict("numbers", None, {"image": np.zeros((1, 28, 28, 1), np.uint8)}, timeout_s=30)
    os.write(1, f"{name} {scores.version}\n".encode())  # one write, whole

client = open_servers(parse_servers(sys.argv[1].split(","), ""))
if "early" in sys.argv:
    ask("parent")
children = []
for name in ("first", "second"):
    child = os.fork()
    if child == 0:
        for _ in range(3):
            ask(name)
        os._exit(0)
    children.append(child)
for child in children:
    _, status = os.waitpid(child, 0)
    assert status == 0, status
ask("parent")
"""


@pytest.mark.parametrize("when", ["late", "early"])
@pytest.mark.parametrize("count", ["one", "two", "http"])
def test_a_client_works_in_forked_processes_whether_it_was_used_before_or_not(servers, count, when):
    command = [sys.executable, "-c", FORK, servers[count], when]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    answers = sorted(done.stdout.splitlines())
    assert answers == sorted(
        ["first 1"] * 3 + ["second 1"] * 3 + ["parent 1"] * (2 if when == "early" else 1)
    )
