"""Real server processes."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support import easel, read_until


@contextmanager
def serving(root: Path, *flags: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A real server process over the store at *root*, and its gRPC address."""
    ports = ("--port", "0", "--rest_api_port", "0")
    with easel("serve", "--store", str(root), *ports, *flags) as process:
        said = read_until(process, "(gRPC)")
        yield process, re.search(r"on (\S+) \(gRPC\)", said)[1]
