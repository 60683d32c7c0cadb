"""A real Triton, from the wheel ``nvidia-pytriton``, started directly.

Only the wheel's binaries are used.  Triton finds its Python backend's stub by path, and
the stub finds its libraries beside itself, so the backend's folder is made of links.
"""

from __future__ import annotations

import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import TypeVar

from tests.support import ROOT, free_port

ATTEMPTS = 3
START_S = 90.0
STOP_S = 30.0
# Between the end of a process's connections and its own.
DEATH_S = 10.0
_FACTS = (
    "import importlib.util, sys, sysconfig;"
    "print(importlib.util.find_spec('pytriton').submodule_search_locations[0]);"
    "print('%d.%d' % sys.version_info[:2]);"
    "print(sysconfig.get_config_var('LIBDIR'))"
)


class CannotRun(Exception):
    """There is no Triton here; the message says why."""


T = TypeVar("T")


@dataclass(slots=True)
class Triton:
    """A process, and where it listens: ``127.0.0.1:PORT``."""

    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    http: str = ""
    grpc: str = ""
    process: subprocess.Popen[bytes] = field(init=False)

    def start(self) -> None:
        """Start it on ports that are free now, again when another process takes one first.

        Raises:
            CannotRun: It does not start.
        """
        for _ in range(ATTEMPTS):
            self.http, self.grpc = (f"127.0.0.1:{free_port()}" for _ in range(2))
            ports = ["--http-port", _port(self.http), "--grpc-port", _port(self.grpc)]
            with self.log.open("wb") as output:
                self.process = subprocess.Popen(
                    [*self.command, *ports],
                    stdout=output, stderr=subprocess.STDOUT, env=self.environment,
                    start_new_session=True,
                )  # fmt: skip
            if self._is_ready():
                return
            self.end()
        said = self.log.read_text(errors="replace").splitlines()
        errors = [line for line in said if line.startswith(("E", "error"))]
        raise CannotRun("Triton did not start:\n" + "\n".join(errors[-20:] or said[-20:]))

    def ask(self, questions: Callable[[], T]) -> T:
        """The answers of a Triton that lived through all questions.

        Its gRPC front ends with SIGSEGV now and then when a client leaves in the middle of
        a call.  It is started again then, and asked everything anew.

        Raises:
            CannotRun: It died each time.
        """
        for _ in range(ATTEMPTS):
            try:
                answers = questions()
            except (OSError, HTTPException):
                if not self._ends_within(DEATH_S):
                    raise
            else:
                if self.process.poll() is None:
                    return answers
            self.start()
        raise CannotRun(f"Triton died under the questions {ATTEMPTS} times")

    def end(self) -> None:
        """Stop it."""
        self.process.terminate()
        if not self._ends_within(STOP_S):
            self.process.kill()
            self.process.wait()

    def _ends_within(self, seconds: float) -> bool:
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _is_ready(self) -> bool:
        """Ask until it is ready; not when it ends before, or takes too long."""
        give_up = time.monotonic() + START_S
        while time.monotonic() < give_up:
            try:
                with urllib.request.urlopen(f"http://{self.http}/v2/health/ready", timeout=5):
                    return True
            except (urllib.error.URLError, OSError):
                pass
            if self._ends_within(0.1):
                return False
        return False


@contextmanager
def triton_server(repository: Path, scratch: Path) -> Iterator[Triton]:
    """Serve *repository* until the block ends; *scratch* is an empty folder for links and log.

    Raises:
        CannotRun: The environment is missing, or Triton does not start in it.
    """
    environment = Path(os.environ.get("EASEL_TRITON_SERVER", ROOT / ".venv-triton-server"))
    python = environment / "bin" / "python"
    if not python.exists():
        raise CannotRun("no environment for Triton; `make environments` makes it")
    binary, backends, libraries = _lay_out(python, scratch)
    triton = Triton(
        [
            str(binary), "--model-repository", str(repository), "--backend-directory",
            str(backends), "--model-control-mode", "explicit", "--load-model", "*",
            "--http-address", "127.0.0.1", "--grpc-address", "127.0.0.1",
            "--allow-metrics", "false", "--exit-timeout-secs", "10",
        ],
        {
            **os.environ,
            "PATH": f"{python.parent}:{os.environ['PATH']}",
            "LD_LIBRARY_PATH": f"{libraries}:{os.environ.get('LD_LIBRARY_PATH', '')}",
            # The backend is that environment's Python, whatever runs these tests.
            "PYTHONPATH": "",
        },
        scratch / "triton.log",
    )  # fmt: skip
    triton.start()
    try:
        yield triton
    finally:
        triton.end()


def _lay_out(python: Path, scratch: Path) -> tuple[Path, Path, str]:
    """The server's binary, a folder of backends, and the folder of Python's library."""
    facts = subprocess.run([python, "-c", _FACTS], capture_output=True, text=True, check=True)
    package, version, libraries = facts.stdout.splitlines()
    wheel = Path(package) / "tritonserver"
    stub = wheel / "python_backend_stubs" / version / "triton_python_backend_stub"
    if not stub.exists():
        raise CannotRun(f"the wheel has no Python backend for Python {version}")
    folder = scratch / "backends" / "python"
    folder.mkdir(parents=True)
    for file in (stub, *(wheel / "backends" / "python").iterdir()):
        (folder / file.name).symlink_to(file)
    return wheel / "bin" / "tritonserver", folder.parent, libraries


def _port(address: str) -> str:
    return address.rpartition(":")[2]
