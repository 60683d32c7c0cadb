"""A file system that fails when it is told to, and a process that mirrors one."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import fsspec
from fsspec.implementations.local import LocalFileSystem

from model_store.copying import MARKER_FILE
from model_store.mirror import Mirror, open_mirror


class FaultyFileSystem(LocalFileSystem):
    """``faulty:///path``: this machine's files, with *fault* called before each access."""

    protocol = "faulty"
    cachable = False

    def __init__(self, **options) -> None:
        super().__init__(**options)
        self.fault: Callable[[str, str], object] = lambda action, path: None

    @classmethod
    def _strip_protocol(cls, path):
        return LocalFileSystem._strip_protocol(str(path).removeprefix("faulty://"))

    def ls(self, path, **options):
        self.fault("ls", path)
        return super().ls(path, **options)

    def open(self, path, *modes, **options):
        self.fault("read" if path.endswith(".json") else "open", path)
        return super().open(path, *modes, **options)


fsspec.register_implementation("faulty", FaultyFileSystem, clobber=True)


def faulty(remote: Path, local: Path) -> Mirror:
    return open_mirror(f"faulty://{remote}", local)


def sync(mirror: Mirror) -> tuple[str, ...]:
    return mirror.sync(threading.Event())


def label(root: Path, **labels: int) -> None:
    (root / "numbers" / "deployment.json").write_text(json.dumps({"labels": labels}))


def files(root: Path) -> dict[str, bytes]:
    """What a reader of the store can see; and nothing unfinished may lie there."""
    found = {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and path.name not in (".highest_version", MARKER_FILE)
    }
    assert not list(root.rglob(".publishing-*"))
    return found


def hang_in_the_middle(remote: Path, local: Path) -> None:
    """Mirror, say when the first file is to be opened, and go no further."""
    mirror = faulty(remote, local)

    def fault(action: str, path: str) -> None:
        if action == "open":
            print("downloading", flush=True)
            threading.Event().wait()

    mirror.remote.fault = fault
    sync(mirror)


if __name__ == "__main__":
    hang_in_the_middle(Path(sys.argv[1]), Path(sys.argv[2]))
