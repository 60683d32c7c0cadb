"""A worker process as the server sees it: started, called over sockets, ended.

Each call in flight has a connection of its own, so that giving one up is closing its
socket, and a worker that dies ends every call at once.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model_store.errors import BadVersion, Cancelled, EaselError, InvalidRequest, ServableNotReady
from serving.api.calls import Tensor
from serving.engine.session import Abort
from serving.engine.tensor_frames import FrameError, receive_frame, send_frame

_MODULE = "serving.engine.saved_model_worker"
_ENVIRONMENT = {
    "CUDA_VISIBLE_DEVICES": "-1",  # the server is for processors; no search for drivers
    "TF_CPP_MIN_LOG_LEVEL": "3",
}
_LOAD_S, _END_S = 600.0, 5.0
# Numbers of gRPC's INVALID_ARGUMENT and OUT_OF_RANGE, which TensorFlow's errors carry.
_CALLERS_MISTAKES = (3, 11)


@dataclass(frozen=True, slots=True)
class Threads:
    """How many threads TensorFlow gets: within one operator, and for operators."""

    intra_op: int
    inter_op: int


class Worker:
    """One process that has one SavedModel loaded."""

    def __init__(self, folder: Path, threads: Threads) -> None:
        """Start the process and wait until the SavedModel in *folder* is loaded.

        Raises:
            BadVersion: It cannot be loaded.
        """
        self._control, theirs = socket.socketpair()
        self._lock = threading.Lock()
        self._idle: list[socket.socket] = []
        self._is_closed = False
        with theirs:
            self._process = _start(theirs, folder, threads)
        try:
            self.facts = self._first_words(folder)
        except BaseException:
            self.close()
            raise

    def _first_words(self, folder: Path) -> Mapping[str, Any]:
        self._control.settimeout(_LOAD_S)
        try:
            facts, _ = receive_frame(self._control)
        except TimeoutError as error:
            raise BadVersion(f"{folder}: TensorFlow did not load it in {_LOAD_S:g} s") from error
        except (FrameError, OSError) as error:
            raise BadVersion(f"{folder}: while loading it, TensorFlow {self._end()}") from error
        if "error" in facts:
            raise BadVersion(f"{folder}: TensorFlow cannot load it: {facts['error']}")
        self._control.settimeout(None)
        return facts

    @property
    def process_id(self) -> int:
        """The system's number of the process."""
        return self._process.pid

    def call(
        self, head: Mapping[str, Any], inputs: Sequence[Tensor], abort: Abort | None
    ) -> list[Tensor]:
        """Send one request and wait for its answer.

        Raises:
            InvalidRequest: TensorFlow says that the inputs are wrong.
            ServableNotReady: The worker ended.
            Cancelled: *abort* was set.
            EaselError: The model failed.
        """
        try:
            flight = _Flight(self._connection())
            if abort is not None:
                abort.bind(flight.give_up)
            with flight:
                send_frame(flight.connection, head, inputs)
                answer, outputs = receive_frame(flight.connection)
        except (OSError, FrameError) as error:
            if abort is not None and abort.is_set:
                raise Cancelled("nobody waits for the answer any more") from error
            raise ServableNotReady("the model's worker process ended; try again") from error
        self._keep(flight)
        if "error" in answer:
            kind = InvalidRequest if answer["code"] in _CALLERS_MISTAKES else EaselError
            raise kind(f"the model failed: {answer['error']}")
        return outputs

    def _connection(self) -> socket.socket:
        """An idle connection, or a new one."""
        with self._lock:
            if self._idle:
                return self._idle.pop()
            ours, theirs = socket.socketpair()
            with theirs:
                try:
                    socket.send_fds(self._control, [b"+"], [theirs.fileno()])
                except OSError:
                    ours.close()
                    raise
            return ours

    def _keep(self, flight: _Flight) -> None:
        """Make a connection idle again, unless its worker would not answer on it."""
        with self._lock:
            if flight.is_given_up or self._is_closed:
                flight.connection.close()
            else:
                self._idle.append(flight.connection)

    def wait(self) -> str:
        """Wait for the end of the process and say how it ended."""
        self._process.wait()
        return self._end()

    def _end(self) -> str:
        try:
            status = self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            return "closed its connection"
        if status < 0:
            return f"was ended by {signal.Signals(-status).name}"
        return f"exited with status {status}"

    def close(self) -> None:
        """End the process; calls in flight fail."""
        with self._lock:
            self._is_closed = True
            self._control.close()  # which the worker notices
            for connection in self._idle:
                connection.close()
            self._idle.clear()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class _Flight:
    """One call on its connection, which another thread may give up.

    Entered for the time of the call: a connection on which it failed is closed.
    """

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.is_given_up = False
        self._is_over = False
        self._lock = threading.Lock()

    def give_up(self) -> None:
        """End the call; the worker sees it and ends its run."""
        with self._lock:
            if not self._is_over:
                self.is_given_up = True
                self.connection.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        with self._lock:
            self._is_over = True
            if kind is not None:
                self.connection.close()


def _start(theirs: socket.socket, folder: Path, threads: Threads) -> subprocess.Popen[bytes]:
    numbers = [str(number) for number in (theirs.fileno(), threads.intra_op, threads.inter_op)]
    return subprocess.Popen(
        # Modules from where this process has them, and none from the current folder.
        [sys.executable, "-P", "-m", _MODULE, str(folder), *numbers],
        stdin=subprocess.DEVNULL,
        pass_fds=[theirs.fileno()],
        env={**os.environ, **_ENVIRONMENT, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
