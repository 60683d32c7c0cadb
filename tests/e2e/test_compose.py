"""The main job in real containers: built, started, drawn upon, crashed and recovered.

Needs a Docker engine on this machine, asked as the ``docker`` command asks it
(``DOCKER_HOST``), and nothing of our own packages.
"""

from __future__ import annotations

import base64
import http.client
import io
import json
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

# The first build downloads the dependencies, in the first test's set-up.
pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("server", "adapter")
POLL_S = 0.1
RECOVERY_S = 20.0
# Kills our processes from the inside: `docker kill` counts as a stop by hand, after which
# no restart policy applies, and the engine's process numbers may be another machine's.
KILL = """
import os, pathlib, signal
for name in pathlib.Path("/proc").glob("[0-9]*/comm"):
    if name.read_text().strip() == "easel":
        os.kill(int(name.parent.name), signal.SIGKILL)
"""
# Says for each path whether this container's user can create a file there.
TRY_TO_WRITE = """
import pathlib, sys
for folder in sys.argv[1:]:
    try:
        pathlib.Path(folder, "written").touch()
        print(folder, "writable")
    except OSError:
        print(folder, "not writable")
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back over HTTP."""

    status: int
    headers: Mapping[str, str]
    body: Any


@dataclass(frozen=True, slots=True)
class Deployment:
    """The compose file under a project name of its own, on ports that the engine picks."""

    project: str

    def compose(self, *arguments: str) -> str:
        file = str(ROOT / "docker-compose.yml")
        return docker("compose", "--file", file, "--project-name", self.project, *arguments)

    def container(self, service: str) -> str:
        return self.compose("ps", "--all", "--quiet", service)

    def run_python(self, service: str, code: str, *arguments: str) -> str:
        return self.compose("exec", "-T", service, "python", "-c", code, *arguments)

    def draw(self, picture: bytes, container: str = "adapter") -> Answer:
        """POST *picture* to an adapter as a front end does."""
        body = json.dumps({"base64_drawing": base64.b64encode(picture).decode()})
        port = self.compose("port", container, "8080").rpartition(":")[2]
        with closing(http.client.HTTPConnection("127.0.0.1", int(port), timeout=30)) as connection:
            connection.request("POST", "/api/numbers", body)
            response = connection.getresponse()
            return Answer(response.status, response.headers, json.load(response))


def run_docker(*arguments: str) -> subprocess.CompletedProcess[str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith("EASEL_")}
    ports = {f"EASEL_{name}_PORT": "0" for name in ("HTTP", "GRPC", "REST", "NUMBERS")}
    return subprocess.run(
        ["docker", *arguments], env=ours | ports, capture_output=True, text=True, check=False
    )


def docker(*arguments: str) -> str:
    """Run the command; its output, or a failure that shows everything it said."""
    done = run_docker(*arguments)
    assert done.returncode == 0, f"docker {' '.join(arguments)}:\n{done.stdout}{done.stderr}"
    return done.stdout.strip()


def why_no_engine() -> str:
    if shutil.which("docker") is None:
        return "there is no docker command"
    for question in (["info"], ["compose", "version"]):
        done = run_docker(*question)
        if done.returncode != 0:
            return f"docker {' '.join(question)}: {done.stderr.strip()}"
    return ""


@pytest.fixture(scope="module")
def started() -> Iterator[Deployment]:
    if reason := why_no_engine():
        pytest.skip(reason)
    deployed = Deployment(f"easel-test-{secrets.token_hex(4)}")
    try:
        deployed.compose("build")
        deployed.compose("up", "--detach", "--wait", "--wait-timeout", "120")
        yield deployed
    finally:
        print(deployed.compose("logs", "--no-color"))
        deployed.compose("--profile", "microservices", "down", "--volumes", "--rmi", "local")


@pytest.fixture
def deployment(started: Deployment) -> Iterator[Deployment]:
    """The running deployment; a test that fails shows what the containers said."""
    yield started
    print(started.compose("logs", "--no-color", "--tail", "20"))


@pytest.fixture(scope="module")
def one() -> bytes:
    """A PNG of the digit 1: a thick stroke downwards."""
    picture = Image.new("L", (280, 280), "white")
    ImageDraw.Draw(picture).line([(150, 40), (140, 240)], fill="black", width=24)
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def kill(container: str) -> None:
    """Let a service crash; detached, because the command dies with its container."""
    docker("exec", "--detach", container, "python", "-c", KILL)


def state(container: str) -> Any:
    return json.loads(docker("inspect", "--format", "{{json .State}}", container))


@contextmanager
def staying_down(container: str) -> Iterator[None]:
    """No automatic restart within the block; afterwards the policy is what it was."""
    policy = docker("inspect", "--format", "{{.HostConfig.RestartPolicy.Name}}", container)
    docker("update", "--restart=no", container)
    try:
        yield
    finally:
        docker("update", f"--restart={policy}", container)


def wait_until(is_so: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + RECOVERY_S
    while not is_so():
        assert time.monotonic() < end, f"{what}: not within {RECOVERY_S:.0f} s"
        time.sleep(POLL_S)


def wait_for_the_label(deployment: Deployment, picture: bytes) -> set[int]:
    """Draw until the label comes back; the statuses of all answers until then."""
    statuses: set[int] = set()

    def is_recognised() -> bool:
        answer = deployment.draw(picture)
        statuses.add(answer.status)
        return bool(answer.status == 200 and answer.body["label"] == "1")

    wait_until(is_recognised, "the adapter answers with the label")
    return statuses


def assert_is_clear_503(answer: Answer) -> None:
    assert answer.status == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.body["error"]["code"] == "UNAVAILABLE"
    assert "model server" in answer.body["error"]["message"]
    assert answer.body["label"] == "null"


def test_a_posted_drawing_comes_back_with_its_label(deployment: Deployment, one: bytes) -> None:
    answer = deployment.draw(one)
    assert answer.status == 200, answer.body
    assert answer.body["label"] == "1"
    assert answer.body["score"] > 0.9
    assert answer.body["model"] == {"name": "numbers", "version": 1}


def test_a_service_in_a_container_of_its_own_answers_as_the_whole_does(
    deployment: Deployment, one: bytes
) -> None:
    deployment.compose("up", "--detach", "--wait", "--wait-timeout", "120", "numbers")
    whole, alone = (deployment.draw(one, name) for name in ("adapter", "numbers"))
    assert (alone.status, alone.body) == (whole.status, whole.body)
    ask = "import urllib.request as h; h = h.build_opener(h.ProxyHandler({}))"
    code = f"{ask}; print(h.open('http://127.0.0.1:8080/openapi.json').read().decode())"
    described = json.loads(deployment.run_python("numbers", code))["paths"]
    assert "/api/numbers" in described
    assert "/api/classifier" not in described
    deployment.compose("rm", "--stop", "--force", "numbers")


def test_the_model_server_is_published_to_this_machine_only(deployment: Deployment) -> None:
    for port in ("8500", "8501"):
        assert deployment.compose("port", "server", port).startswith("127.0.0.1:")


@pytest.mark.parametrize("service", SERVICES)
def test_every_process_runs_as_the_same_ordinary_user(deployment: Deployment, service: str) -> None:
    rows = docker("top", deployment.container(service), "-eo", "pid,uid").splitlines()[1:]
    assert len(rows) > 1
    assert {row.split()[1] for row in rows} == {"10001"}


@pytest.mark.parametrize("service", SERVICES)
def test_only_the_temporary_folder_can_be_written(deployment: Deployment, service: str) -> None:
    folders = ("/tmp", "/models", "/models/numbers/1", "/", "/home", "/var/tmp")
    found = deployment.run_python(service, TRY_TO_WRITE, *folders).splitlines()
    assert found == ["/tmp writable", *(f"{folder} not writable" for folder in folders[1:])]


@pytest.mark.parametrize("service", SERVICES)
def test_the_container_has_no_capabilities_and_gets_none(
    deployment: Deployment, service: str
) -> None:
    status = deployment.run_python(service, "print(open('/proc/1/status').read())")
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert int(fields["CapBnd"], 16) == 0
    assert fields["NoNewPrivs"] == "1"


@pytest.mark.parametrize(
    ("service", "wanted", "unwanted"),
    [("server", "onnxruntime", "flask"), ("adapter", "flask", "onnxruntime")],
)
def test_an_image_has_only_what_its_process_needs(
    deployment: Deployment, service: str, wanted: str, unwanted: str
) -> None:
    listed = deployment.compose("exec", "-T", service, "pip", "list", "--format", "json")
    names = {package["name"].lower() for package in json.loads(listed)}
    assert {"easel", wanted} <= names
    heavy = {"tensorflow", "tensorflow-cpu", "keras", "torch"}
    assert not names & {unwanted, *heavy, "pytest"}


def test_the_model_server_tells_nobody_what_it_runs(deployment: Deployment) -> None:
    """ONNX Runtime's telemetry complains of the read-only disk when it is on."""
    assert "telemetry" not in deployment.compose("logs", "server").lower()


def test_a_killed_server_means_a_clear_503_at_once_until_it_is_started(
    deployment: Deployment, one: bytes
) -> None:
    server = deployment.container("server")
    with staying_down(server):
        kill(server)
        assert docker("wait", server) == "137"
        begun = time.monotonic()
        answer = deployment.draw(one)
        took_s = time.monotonic() - begun
        docker("start", server)
    assert_is_clear_503(answer)
    assert took_s < 3
    assert wait_for_the_label(deployment, one) <= {200, 503}


@pytest.mark.parametrize("service", SERVICES)
def test_a_crashed_service_is_back_without_help(
    deployment: Deployment, one: bytes, service: str
) -> None:
    container = deployment.container(service)
    begun = state(container)["StartedAt"]
    kill(container)

    def is_back() -> bool:
        now = state(container)
        return bool(now["StartedAt"] != begun and now["Health"]["Status"] == "healthy")

    wait_until(is_back, f"the {service} restarts")
    assert wait_for_the_label(deployment, one) <= {200, 503}


def test_the_adapter_finds_a_server_that_took_the_place_of_another(
    deployment: Deployment, one: bytes
) -> None:
    """Two servers for a moment, so that the second is sure to have another address."""
    first = deployment.container("server")
    deployment.compose("up", "--detach", "--wait", "--no-recreate", "--scale", "server=2", "server")
    docker("rm", "--force", first)
    assert wait_for_the_label(deployment, one) <= {200, 503}


def test_a_stop_is_obeyed_by_both_processes_and_a_start_undoes_it(
    deployment: Deployment, one: bytes
) -> None:
    deployment.compose("stop")
    statuses = [state(deployment.container(service))["ExitCode"] for service in SERVICES]
    assert statuses == [0, 0]
    deployment.compose("up", "--detach", "--wait")
    assert deployment.draw(one).status == 200
