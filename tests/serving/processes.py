"""Real server processes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support import easel, read_until

READY = re.compile(r"worker (\d) is ready, process (\d+)")


@dataclass
class Workers:
    """Server processes that share their ports.

    Attributes:
        process: Their supervisor.
        grpc: ``host:port``.
        http: ``host:port``.
        pids: By the worker's number.
    """

    process: subprocess.Popen[str]
    grpc: str
    http: str
    pids: dict[int, int]

    def end(self, number: int, how: signal.Signals) -> str:
        """End one and wait for its successor; what was said meanwhile."""
        os.kill(self.pids[number], how)
        said = read_until(self.process, f"worker {number} is ready")
        self.pids[number] = int(READY.findall(said)[-1][1])
        return said


@contextmanager
def two_workers(store: Path, *flags: str) -> Iterator[Workers]:
    """Two workers over *store*, both ready."""
    ports = ("--port", "0", "--rest_api_port", "0")
    with easel("serve", "--store", str(store), *ports, "--workers", "2", *flags) as process:
        said = read_until(process, "(gRPC)")
        pids = {int(number): int(pid) for number, pid in READY.findall(said)}
        (found,) = re.findall(r" on (\S+) \(gRPC\) and (\S+) \(HTTP\)", said)
        yield Workers(process, *found, pids)


@contextmanager
def serving(root: Path, *flags: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A real server process over the store at *root*, and its gRPC address."""
    ports = ("--port", "0", "--rest_api_port", "0")
    with easel("serve", "--store", str(root), *ports, *flags) as process:
        said = read_until(process, "(gRPC)")
        yield process, re.search(r"on (\S+) \(gRPC\)", said)[1]
