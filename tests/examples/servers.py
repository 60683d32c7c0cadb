"""The examples as their READMEs start them, on a free port, over a real model server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support import ROOT, free_port

THREE = (ROOT / "docs" / "three.png").read_bytes()


@dataclass(frozen=True, slots=True)
class Example:
    """A running example.

    Attributes:
        address: Of the server, without a slash at the end.
        prefix: Where Easel is on it: ``/easel``, or nothing.
        process: The server.
    """

    address: str
    prefix: str
    process: subprocess.Popen[bytes]

    def get(self, path: str) -> Answer:
        """Ask for a path of Easel's."""
        return ask(f"{self.address}{self.prefix}{path}")

    def post(self, path: str, body: bytes) -> Answer:
        """Send a body to a path of Easel's."""
        return ask(f"{self.address}{self.prefix}{path}", body)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, and from where after redirects."""

    status: int
    url: str
    headers: Mapping[str, str]
    body: bytes

    def json(self):
        return json.loads(self.body)


def ask(url: str, body: bytes | None = None) -> Answer:
    request = urllib.request.Request(url, body)
    try:
        with urllib.request.urlopen(request, timeout=30) as got:
            return Answer(got.status, got.url, got.headers, got.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.url, error.headers, error.read())


@contextmanager
def running(
    folder: str, command: Sequence[str], prefix: str, model_server: str, **environ: str
) -> Iterator[Example]:
    """Run ``python -m *command`` in ``examples/folder`` until the block ends; PORT is replaced."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", *(part.replace("PORT", str(port)) for part in command)],
        cwd=Path(ROOT, "examples", folder),
        env={
            **os.environ, "PYTHONPATH": str(ROOT),
            "EASEL_ADAPTER_MODEL_SERVER": model_server, **environ,
        },
    )  # fmt: skip
    example = Example(f"http://127.0.0.1:{port}", prefix, process)
    try:
        _wait_until_up(example)
        yield example
    finally:
        process.terminate()
        process.wait(30)


def _wait_until_up(example: Example) -> None:
    while example.process.poll() is None:
        try:
            example.get("/healthz")
        except OSError:
            continue
        return
    raise AssertionError(f"the example ended with status {example.process.returncode}")
