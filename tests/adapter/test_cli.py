"""``easel adapter`` used wrongly: one plain line, and a status that says whose fault it is."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from queue import SimpleQueue

import pytest

from adapter.cli import stop_gently

ROOT = Path(__file__).parents[2]


def easel(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "easel.cli", "adapter", *arguments],
        cwd=ROOT, env=os.environ | environ, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--services", "numbers,dreams"], "no service dreams; there are classifier, numbers"),
        (["--store", "/no/such/store"], "no model store at /no/such/store; name one with --store"),
        (["--port", "http"], "setting port: 'http' is not valid"),
        (["--port", "80800"], "port 80800 must be from 0 to 65535"),
        (["--host", "no.such.host.invalid"], "no.such.host.invalid is no address of this machine"),
        (["--config", "/no/such/file.toml"], "/no/such/file.toml cannot be read"),
    ],
)
def test_a_wrong_setting_is_status_2_and_one_line(arguments, complaint):
    done = easel(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("easel adapter: ")
    assert complaint in line


def test_a_wrong_variable_is_told_by_the_settings_name():
    done = easel(EASEL_ADAPTER_THREADS="many")
    assert done.returncode == 2
    assert "setting threads: 'many' is not valid" in done.stderr


def test_an_unknown_flag_is_status_2_with_the_usage():
    done = easel("--prot", "80")
    assert done.returncode == 2
    assert "usage: easel adapter" in done.stderr


def test_a_taken_port_is_status_1_and_says_what_to_do():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        done = easel("--port", str(listener.getsockname()[1]))
    assert done.returncode == 1
    assert done.stderr.endswith(
        "is taken by another program; stop that program or choose another with --port\n"
    )


def test_help_has_every_setting():
    done = easel("--help")
    assert done.returncode == 0
    for flag in ("--store", "--model-server", "--services", "--timeout-s", "--max-pixels"):
        assert flag in done.stdout


class Stopping:
    """A server that is told to stop."""

    def __init__(self):
        self.told = SimpleQueue()

    def signal_handler_interrupt(self, *_):
        self.told.put(None)


def test_whoever_stops_the_adapter_again_and_again_stops_it_at_once(tmp_path):
    server = Stopping()
    stop_gently(server, tmp_path / "nobody listens")
    server.signal_handler_interrupt()
    server.told.get(timeout=10)  # by itself, a moment later
    server.signal_handler_interrupt()
    server.signal_handler_interrupt()
    assert server.told.qsize() == 2
