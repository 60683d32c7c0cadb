"""How processes that answer are told of the end."""

from __future__ import annotations

import os
import subprocess
import sys

from adapter.app import create_app
from adapter.config import AdapterConfig, Settings
from adapter.draining import Draining, end_is_near
from adapter.wiring import build_parts
from tests.fakes import FakeModelServer
from tests.support import ROOT


def test_who_keeps_a_connection_is_asked_to_leave_it_once_somebody_has_said_so(tmp_path):
    draining = Draining()
    settings = Settings(AdapterConfig(store=tmp_path))
    client = create_app(
        build_parts(settings, FakeModelServer()), lambda: bool(draining)
    ).test_client()
    assert "Connection" not in client.get("/healthz").headers
    draining.begin()
    assert client.get("/healthz").headers["Connection"] == "close"
    assert client.get("/nothing").headers["Connection"] == "close"


def test_nobody_to_tell_is_no_failure(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    end_is_near(tmp_path / "pipe")
    end_is_near(tmp_path / "none")


# In a process of its own: what it does holds for all of a process' sockets.
LETS_NOBODY_IN = """
import socket
from adapter.draining import let_nobody_in
listener = socket.create_server(("127.0.0.1", 0))
early = socket.create_connection(listener.getsockname(), timeout=5)
early.sendall(b"asked")
let_nobody_in()
late = socket.socket()
late.settimeout(0.3)
try:
    late.connect(listener.getsockname())
except TimeoutError:
    print("waits")
accepted, _ = listener.accept()
accepted.sendall(accepted.recv(9).upper())
print(early.recv(9).decode())
"""


def test_who_is_in_already_is_answered_when_nobody_more_is_let_in():
    done = subprocess.run(
        [sys.executable, "-c", LETS_NOBODY_IN],
        capture_output=True, text=True, timeout=30, check=True, cwd=ROOT,
    )  # fmt: skip
    assert done.stdout.split() == ["waits", "ASKED"]
