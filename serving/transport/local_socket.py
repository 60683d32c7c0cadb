"""The Unix domain socket that the server listens on, for callers on the same machine."""

from __future__ import annotations

import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from model_store.errors import AddressTaken, InvalidRequest

BACKLOG = 1024


@contextmanager
def listening_at(path: str, backlog: int = BACKLOG) -> Iterator[socket.socket]:
    """Listen at *path* until the block ends, and leave nothing there.

    Raises:
        AddressTaken: Another process listens there.
        InvalidRequest: It cannot be listened on.
    """
    _remove_left_over(Path(path))
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        try:
            listener.bind(path)
            listener.listen(backlog)
        except OSError as error:
            raise InvalidRequest(f"{path} cannot be listened on: {error}") from error
        try:
            yield listener
        finally:
            Path(path).unlink(missing_ok=True)


@contextmanager
def inherited(descriptor: int) -> Iterator[socket.socket]:
    """Listen on a socket that this process was given, until the block ends."""
    with socket.socket(fileno=descriptor) as listener:
        yield listener


def _remove_left_over(path: Path) -> None:
    """Remove the socket of a process that ended without doing so itself."""
    try:
        if not stat.S_ISSOCK(path.stat().st_mode):
            raise InvalidRequest(f"{path} is there already, and is no socket")
    except OSError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
        else:
            raise AddressTaken(f"another program listens at {path}; stop it or choose another path")
