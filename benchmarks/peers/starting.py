"""How each peer is started: files it wants, its command, its environment."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.contenders import Command
from benchmarks.peers.graphs import MODELS, STORE_VARIABLE
from benchmarks.processes import ROOT, BenchError, free_port

_HERE = Path(__file__).parent
WORKERS = 2  # processes of those that have them: one a core
_TORCH_BATCH, _TORCH_DELAY_MS = 8, 1


@dataclass(frozen=True, slots=True)
class Place:
    """Where a peer is to run.

    Attributes:
        python: Of its environment.
        folder: Empty, for what it writes.
        store: The model store.
        port: For HTTP.
        grpc_port: For gRPC, where it has one.
    """

    python: Path
    folder: Path
    store: Path
    port: int
    grpc_port: int

    def command(
        self, name: str, words: list[str], more: Mapping[str, str] | None = None
    ) -> Command:
        """*words* with the environment that all peers share."""
        shared = {
            STORE_VARIABLE: str(self.store),
            # Found first by what they start themselves.
            "PATH": f"{self.python.parent}{os.pathsep}{os.environ['PATH']}",
            "OMP_NUM_THREADS": "1",
            "HOME": str(self.folder),
        }
        return Command(name, words, shared | dict(more or {}))


Start = Callable[[Place], Command]


def easel_in_one(place: Place) -> Command:
    """``easel serve`` in one process, where it would choose several."""
    command = easel(place)
    return replace(command, words=[*command.words, "--workers", "1"])


def easel(place: Place) -> Command:
    """``easel serve`` as it is."""
    words = [
        str(place.python), "-m", "easel.cli", "serve", "--store", str(place.store),
        "--port", str(place.grpc_port), "--rest_api_port", str(place.port),
    ]  # fmt: skip
    return Command("easel-serve", words)


def script(name: str, *flags: str, file: str = "server.py") -> Start:
    """``NAME/server.py --port``, and *flags* that may hold ``{grpc_port}``."""

    def start(place: Place) -> Command:
        given = [each.format(port=place.port, grpc_port=place.grpc_port) for each in flags]
        return place.command(name, [str(place.python), str(_HERE / name / file), *given])

    return start


def ray(place: Place, file: str = "server.py") -> Command:
    """Its script, in what its documentation calls throughput optimised."""
    words = [str(place.python), str(_HERE / "ray" / file), "--port", str(place.port)]
    more = {"RAY_SERVE_THROUGHPUT_OPTIMIZED": "1", "RAY_USAGE_STATS_ENABLED": "0"}
    # Its processes would yield to every other, the client included.
    more["RAY_worker_niceness"] = "0"
    return place.command("ray", words, more)


def bentoml(place: Place, service: str = "service:Scores") -> Command:
    """Its own command over the service file."""
    words = [
        str(place.python), "-m", "bentoml", "serve", service, "--port", str(place.port),
        "--host", "127.0.0.1", "--working-dir", str(_HERE / "bentoml"),
    ]  # fmt: skip
    quiet = {"BENTOML_DO_NOT_TRACK": "True", "BENTOML_HOME": str(place.folder)}
    return place.command("bentoml", words, quiet)


def mlserver(place: Place) -> Command:
    """A folder of models, each with its settings: in one process, without batching.

    With two inference workers it answered half as many, with adaptive batching fewer.
    """
    settings = {
        "host": "127.0.0.1", "http_port": place.port, "grpc_port": place.grpc_port,
        "metrics_endpoint": None, "debug": False, "parallel_workers": 0,
    }  # fmt: skip
    _write_json(place.folder / "settings.json", settings)
    for model in MODELS:
        found = {"name": model, "implementation": "benchmarks.peers.mlserver.server.Scores"}
        _write_json(place.folder / model / "model-settings.json", found)
    words = [str(place.python.parent / "mlserver"), "start", str(place.folder)]
    return place.command("mlserver", words)


def triton(place: Place) -> Command:
    """Tritonserver from the wheel, with a repository and a folder of backends."""
    facts = (
        "import pytriton, sys, sysconfig; "
        "print(pytriton.__path__[0], sysconfig.get_config_var('LIBDIR'), sysconfig.get_path('purelib'))"
    )
    found = subprocess.run([place.python, "-c", facts], capture_output=True, text=True, check=False)
    if found.returncode:
        raise BenchError(f"no Triton: {found.stderr[-300:]}")
    package, libraries, site = found.stdout.split()
    wheel, backend = Path(package) / "tritonserver", place.folder / "backends" / "python"
    shutil.copytree(wheel / "backends" / "python", backend)
    stub = next((wheel / "python_backend_stubs" / "3.11").iterdir())
    shutil.copy(stub, backend)
    for config in (_HERE / "triton").glob("*.pbtxt"):
        home = place.folder / "models" / config.stem
        (home / "1").mkdir(parents=True)
        shutil.copy(config, home / "config.pbtxt")
        # The stub does not look at PYTHONPATH.
        (home / "1" / "model.py").write_text(
            f"import sys\n\nsys.path[:0] = [{str(ROOT)!r}, {site!r}]\n"
            "from benchmarks.peers.triton.model import TritonPythonModel\n"
        )
    words = [
        str(wheel / "bin" / "tritonserver"), "--model-repository", str(place.folder / "models"),
        "--backend-directory", str(place.folder / "backends"),
        "--http-address", "127.0.0.1", "--http-port", str(place.port),
        "--grpc-address", "127.0.0.1", "--grpc-port", str(place.grpc_port),
        "--allow-metrics", "false",
    ]  # fmt: skip
    # Its libraries are named by the wheel's own folder; the copied stub is elsewhere.
    paths = f"{libraries}:{Path(site) / 'nvidia_pytriton.libs'}"
    return place.command("triton", words, {"LD_LIBRARY_PATH": paths})


def torchserve(place: Place) -> Command:
    """Archives that hold the handler alone, the settings, and its Java front."""
    if shutil.which("java") is None:
        raise BenchError("TorchServe needs java; on Debian: apt install openjdk-17-jre-headless")
    archives = place.folder / "archives"
    archives.mkdir()
    for model in MODELS:
        subprocess.run(
            [place.python.parent / "torch-model-archiver", "--model-name", model, "--version",
             "1.0", "--handler", _HERE / "torchserve" / "handler.py", "--export-path", archives],
            check=True, capture_output=True,
        )  # fmt: skip
    served = {
        "1.0": {
            "defaultVersion": True, "minWorkers": WORKERS, "maxWorkers": WORKERS,
            "batchSize": _TORCH_BATCH, "maxBatchDelay": _TORCH_DELAY_MS, "responseTimeout": 60,
        }
    }  # fmt: skip
    models = {name: {"1.0": served["1.0"] | {"marName": f"{name}.mar"}} for name in MODELS}
    addresses = {
        "inference_address": place.port, "management_address": free_port(),
        "metrics_address": free_port(),
    }  # fmt: skip
    lines = [f"{name}=http://127.0.0.1:{port}" for name, port in addresses.items()]
    lines += [
        "grpc_inference_address=127.0.0.1", f"grpc_inference_port={place.grpc_port}",
        "grpc_management_address=127.0.0.1", f"grpc_management_port={free_port()}",
        f"model_store={archives}", "load_models=all", "disable_token_authorization=true",
        "enable_envvars_config=false", f"models={json.dumps(models)}",
    ]  # fmt: skip
    config = place.folder / "config.properties"
    config.write_text("\n".join(lines) + "\n")
    words = [
        str(place.python.parent / "torchserve"), "--start", "--foreground", "--model-store",
        str(archives), "--ts-config", str(config),
        "--log-config", str(_HERE / "torchserve" / "log4j2.xml"), "--disable-token-auth",
    ]  # fmt: skip
    folders = {
        name: str(place.folder) for name in ("TEMP", "TMPDIR", "LOG_LOCATION", "METRICS_LOCATION")
    }
    return place.command("torchserve", words, folders)


def _write_json(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))
