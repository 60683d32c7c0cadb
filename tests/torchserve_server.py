"""A real TorchServe from pip, on Java, serving a folder of archives."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support import free_port, read_until

_LOGS = """<Configuration>
  <Appenders>
    <Console name="console"><PatternLayout pattern="%m%n"/></Console>
  </Appenders>
  <Loggers><Root level="info"><AppenderRef ref="console"/></Root></Loggers>
</Configuration>
"""


class CannotRun(Exception):
    """There is no TorchServe here; the message says why."""


@dataclass(frozen=True, slots=True)
class TorchServe:
    """Where it listens, ``127.0.0.1:PORT``, and the file with its tokens."""

    rest: str
    grpc: str
    keys: Path


@contextmanager
def torchserve(
    archives: Path,
    folder: Path,
    models: int,
    *,
    live: Mapping[str, int] | None = None,
    wants_token: bool = False,
) -> Iterator[TorchServe]:
    """Serve every archive of a folder until the block ends.

    Args:
        archives: The folder.
        folder: An empty one, for its files.
        models: How many archives there are; waits until each has its worker.
        live: The version of each model that answers for none; any if not said.
        wants_token: Whether callers must know its token.

    Raises:
        CannotRun: There is no Java.
    """
    if shutil.which("java") is None:
        raise CannotRun("TorchServe needs java; on Debian: apt install openjdk-17-jre-headless")
    ports = [free_port() for _ in range(5)]
    config, logs = folder / "config.properties", folder / "log4j2.xml"
    logs.write_text(_LOGS)
    config.write_text("\n".join(_settings(ports, archives, live)) + "\n")
    places = {name: str(folder) for name in ("TEMP", "TMPDIR", "LOG_LOCATION", "METRICS_LOCATION")}
    programs = Path(sys.executable).parent
    process = subprocess.Popen(
        [
            programs / "torchserve", "--start", "--foreground", "--ncs", "--model-store", archives,
            "--ts-config", config, "--log-config", logs,
            *([] if wants_token else ["--disable-token-auth"]),
        ],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder,
        env={"PATH": f"{programs}:/usr/bin:/bin", "OMP_NUM_THREADS": "1"} | places,
        start_new_session=True,
    )  # fmt: skip
    reader = threading.Thread(target=process.stdout.read, name="torchserve-output")
    try:
        for _ in range(models):
            read_until(process, "WorkerLoadTime")
        # It says so much of every request that it would wait for somebody to read it.
        reader.start()
        yield TorchServe(f"127.0.0.1:{ports[0]}", f"127.0.0.1:{ports[3]}", folder / "key_file.json")
    finally:
        os.killpg(process.pid, signal.SIGTERM)  # the command, its Java, and the workers
        process.wait(60)
        if reader.ident:
            reader.join()
        process.stdout.close()


def _settings(ports: list[int], archives: Path, live: Mapping[str, int] | None) -> list[str]:
    names = ("inference_address", "management_address", "metrics_address")
    lines = [f"{name}=http://127.0.0.1:{port}" for name, port in zip(names, ports, strict=False)]
    for name, port in (("inference", ports[3]), ("management", ports[4])):
        lines += [f"grpc_{name}_address=127.0.0.1", f"grpc_{name}_port={port}"]
    lines += ["default_workers_per_model=1", "disable_system_metrics=true"]
    if live is None:
        return [*lines, "load_models=all"]
    models: dict[str, dict[str, object]] = {}
    for archive in archives.glob("*.mar"):
        name, _, number = archive.stem.rpartition("-")
        models.setdefault(name, {})[number] = {
            "defaultVersion": live[name] == int(number), "marName": archive.name,
            "minWorkers": 1, "maxWorkers": 1, "batchSize": 1, "maxBatchDelay": 1,
            "responseTimeout": 60,
        }  # fmt: skip
    # Only of such a snapshot does TorchServe take which version is its default.
    snapshot = {"name": "start.cfg", "modelCount": len(live), "models": models}
    return [*lines, f"model_snapshot={json.dumps(snapshot)}"]
