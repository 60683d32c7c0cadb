"""``easel up`` as a stranger uses it: real processes, a real drawing, real mishaps."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from serving.config import ServerConfig
from serving.crew.choosing import choose_workers
from serving.engine.machine import read_machine
from tests.support import BUNDLED_STORE, easel, easel_command, free_port, read_until

GOLDEN = np.load(BUNDLED_STORE / "numbers" / "1" / "golden.npz")
DIGIT = int(GOLDEN["output:scores"][0].argmax())


@dataclass(frozen=True)
class Up:
    """A running ``easel up``."""

    process: subprocess.Popen[str]
    http: str
    grpc_port: int


@pytest.fixture
def up() -> Iterator[Up]:
    http_port, grpc_port = free_port(), free_port()
    with easel(
        "up",
        "--store",
        str(BUNDLED_STORE),
        "--port",
        str(http_port),
        "--grpc-port",
        str(grpc_port),
        "--rest-port",
        str(free_port()),
    ) as process:
        read_until(process, "Easel is ready")
        yield Up(process, f"http://127.0.0.1:{http_port}", grpc_port)


def drawing() -> str:
    """The first golden digit as a front end sends it: dark ink on transparent, a data URL."""
    ink = Image.fromarray(GOLDEN["input:image"][0, :, :, 0]).resize((280, 280))
    picture = Image.new("RGBA", ink.size, (20, 20, 60, 0))
    picture.putalpha(ink)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def post(url: str, body: object) -> tuple[int, dict[str, object], dict[str, str]]:
    request = urllib.request.Request(
        url, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.load(answer), dict(answer.headers)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error), dict(error.headers)


def children(process: subprocess.Popen[str], word: str) -> list[int]:
    """Process ids of *process*' children whose command line holds *word*."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int(re.search(r"PPid:\s+(\d+)", (entry / "status").read_text())[1])  # type: ignore[index]
                command = (entry / "cmdline").read_bytes().decode().split("\0")
            except (OSError, TypeError):
                continue
            if parent == process.pid and word in command:
                found.append(int(entry.name))
    return found


def wait_for(condition, seconds: float = 20.0):
    """Poll until *condition* gives something true, and give that back."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError("it did not happen in time")


def test_a_drawing_goes_in_and_its_label_comes_out(up: Up):
    status, body, _ = post(f"{up.http}/api/numbers", {"base64_drawing": drawing()})
    assert (status, body["label"]) == (200, str(DIGIT))
    assert body["model"] == {"name": "numbers", "version": 1}
    assert len(body["predictions"]) == 10  # type: ignore[arg-type]
    assert body["score"] > 0.9  # type: ignore[operator]


def test_the_page_and_its_files_are_there(up: Up):
    with urllib.request.urlopen(up.http, timeout=10) as answer:
        page = answer.read().decode()
    for path in re.findall(r'(?:src|href)="(/static/[^"]+)"', page):
        with urllib.request.urlopen(up.http + path, timeout=10) as answer:
            assert answer.status == 200


def test_a_stopped_server_is_a_clear_503_and_then_the_command_ends(up: Up):
    (server,) = children(up.process, "serve")
    # The adapter is still there to say it; the server's processes are a group of their own.
    os.killpg(server, signal.SIGSTOP)
    try:
        status, body, _ = post(f"{up.http}/api/numbers", {"base64_drawing": drawing()})
        # Late on an open connection; not there for a worker that has none yet.
        assert (status, body["error"]["code"]) in (  # type: ignore[index]
            (503, "UNAVAILABLE"),
            (504, "DEADLINE_EXCEEDED"),
        )
    finally:
        os.killpg(server, signal.SIGCONT)
    os.kill(server, signal.SIGKILL)
    output, _ = up.process.communicate(timeout=30)
    assert "easel serve ended by itself with status -9" in output
    assert up.process.returncode == 1


def test_an_adapter_without_server_answers_503_at_once_and_recovers():
    http_port, grpc_port = free_port(), free_port()
    with easel("adapter", "--store", str(BUNDLED_STORE), "--port", str(http_port),
               "--model_server", f"127.0.0.1:{grpc_port}") as adapter:  # fmt: skip
        url = f"http://127.0.0.1:{http_port}"
        wait_for(lambda: is_listening(http_port))
        begun = time.monotonic()
        status, body, headers = post(f"{url}/api/numbers", {"base64_drawing": drawing()})
        assert (status, body["label"], headers["retry-after"]) == (503, "null", "2")
        assert body["error"]["code"] == "UNAVAILABLE"  # type: ignore[index]
        assert "does not answer" in body["error"]["message"]  # type: ignore[index]
        assert time.monotonic() - begun < 2, "a refused connection must not wait for the deadline"
        with easel(
            "serve", "--store", str(BUNDLED_STORE), "--port", str(grpc_port), "--rest_api_port", "0"
        ) as server:
            read_until(server, "easel serve: ")
            recovered = wait_for(
                lambda: post(f"{url}/api/numbers", {"base64_drawing": drawing()})[0] == 200
            )
        assert recovered
        assert adapter.poll() is None


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_stops_both_and_frees_the_ports(up: Up, number: int):
    up.process.send_signal(number)
    output, _ = up.process.communicate(timeout=30)
    assert up.process.returncode == 0, output
    assert not is_listening(up.grpc_port)
    assert not is_listening(int(up.http.rpartition(":")[2]))
    assert "Traceback" not in output


@pytest.mark.parametrize(
    ("command", "flag"),
    [
        ("up", "--port"),
        ("up", "--grpc-port"),
        ("up", "--rest-port"),
        ("serve", "--port"),
        ("serve", "--rest_api_port"),
        ("adapter", "--port"),
    ],
)
def test_a_taken_port_is_said_plainly(command: str, flag: str):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        # Those that are looked at before it.
        others = [
            word
            for each in {"up": ["--port", "--grpc-port"], "serve": ["--port"]}.get(command, [])
            if each != flag
            for word in (each, str(free_port()))
        ]
        done = subprocess.run(
            easel_command(command, "--store", str(BUNDLED_STORE), flag, port, *others),
            capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert f"port {port} on 127.0.0.1 is taken by another program" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["up", "serve", "adapter"])
def test_a_missing_store_is_said_plainly(command: str, tmp_path: Path):
    done = subprocess.run(
        easel_command(command, "--store", str(tmp_path / "nowhere")),
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "there is no model store at" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        ([], 2, "usage: easel COMMAND"),
        (["--help"], 0, "usage: easel COMMAND"),
        (["nonsense"], 2, "usage: easel COMMAND"),
        (["--version"], 0, "easel 0."),
        (["serve", "--port", "many"], 2, "setting port: 'many' is not valid"),
    ],
)
def test_the_command_line_explains_itself(arguments: list[str], status: int, words: str):
    done = subprocess.run(
        easel_command(*arguments), capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == status
    assert words in done.stdout + done.stderr


def test_the_runtime_imports_neither_framework_nor_official_client():
    """Asked of the real processes' own Python: what is loaded after a start."""
    code = (
        "import sys, serving.server, adapter.wsgi\n"
        "heavy = {'tensorflow', 'torch', 'keras', 'tensorflow_serving', 'tritonclient'}\n"
        "print(sorted(heavy & {name.split('.')[0] for name in sys.modules}))"
    )
    python = easel_command()[0]
    done = subprocess.run(
        [python, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"


def test_the_server_has_as_many_processes_as_it_chooses_itself(up: Up):
    (server,) = children(up.process, "serve")
    workers = Path(f"/proc/{server}/task/{server}/children").read_text().split()
    chosen = choose_workers(ServerConfig(store=str(BUNDLED_STORE)), read_machine()).workers
    assert len(workers) == (chosen if chosen > 1 else 0)


def test_the_server_has_one_process_where_that_is_wanted():
    env = {
        "EASEL_ADAPTER_PORT": str(free_port()),
        "EASEL_SERVE_PORT": str(free_port()),
        "EASEL_SERVE_REST_API_PORT": str(free_port()),
        "EASEL_SERVE_WORKERS": "1",
    }
    with easel("up", "--store", str(BUNDLED_STORE), env=env) as process:
        read_until(process, "The model server:")
        (server,) = children(process, "serve")
        assert Path(f"/proc/{server}/task/{server}/children").read_text() == ""


def test_ports_and_store_may_come_from_the_environment():
    port, grpc_port = free_port(), free_port()
    env = {
        "EASEL_ADAPTER_PORT": str(port),
        "EASEL_ADAPTER_STORE": str(BUNDLED_STORE),
        "EASEL_SERVE_PORT": str(grpc_port),
        "EASEL_SERVE_REST_API_PORT": str(free_port()),
    }
    with easel("up", env=env) as process:
        said = read_until(process, "The model server:")
        assert f"http://127.0.0.1:{port}/" in said
        assert f"gRPC on 127.0.0.1:{grpc_port}" in said
