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
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support import ROOT, free_port

ATTEMPTS = 3
START_S = 90.0
STOP_S = 30.0
_FACTS = (
    "import importlib.util, sys, sysconfig;"
    "print(importlib.util.find_spec('pytriton').submodule_search_locations[0]);"
    "print('%d.%d' % sys.version_info[:2]);"
    "print(sysconfig.get_config_var('LIBDIR'))"
)


class CannotRun(Exception):
    """There is no Triton here; the message says why."""


@dataclass(frozen=True, slots=True)
class Triton:
    """Where one listens: ``127.0.0.1:PORT``."""

    http: str
    grpc: str


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
    log = scratch / "triton.log"
    process, triton = _start(
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
        log,
    )  # fmt: skip
    try:
        yield triton
    finally:
        _end(process)


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


def _start(
    command: list[str], env: dict[str, str], log: Path
) -> tuple[subprocess.Popen[bytes], Triton]:
    """Start it on ports that are free now, again when another process takes one first."""
    for _ in range(ATTEMPTS):
        triton = Triton(f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}")
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*command, "--http-port", _port(triton.http), "--grpc-port", _port(triton.grpc)],
                stdout=output, stderr=subprocess.STDOUT, env=env, start_new_session=True,
            )  # fmt: skip
        if _is_ready(process, triton):
            return process, triton
        _end(process)
    said = log.read_text(errors="replace").splitlines()
    errors = [line for line in said if line.startswith(("E", "error"))]
    raise CannotRun("Triton did not start:\n" + "\n".join(errors[-20:] or said[-20:]))


def _port(address: str) -> str:
    return address.rpartition(":")[2]


def _is_ready(process: subprocess.Popen[bytes], triton: Triton) -> bool:
    """Ask until it is ready; not when it ends before, or takes too long."""
    give_up = time.monotonic() + START_S
    while time.monotonic() < give_up:
        try:
            with urllib.request.urlopen(f"http://{triton.http}/v2/health/ready", timeout=5):
                return True
        except (urllib.error.URLError, OSError):
            pass
        try:
            process.wait(0.1)
        except subprocess.TimeoutExpired:
            continue
        return False
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
