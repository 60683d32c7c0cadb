"""The speech engine's process as this one sees it: started, asked, ended when late.

One caller at a time; ``local`` makes them take turns.
"""

from __future__ import annotations

import json
import os
import select
import struct
import subprocess
import weakref
from dataclasses import asdict, dataclass
from typing import Any

from adapter.deadline import Deadline
from model_store.errors import BadAnswer, DeadlineExceeded, InvalidRequest, ServiceUnreachable

# Longer headers are no headers; longer audio the engine refuses to make itself.
_MOST_HEADER_BYTES = 64 * 1024
_MOST_AUDIO_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Order:
    """What the process is asked: text, eSpeak's name of a voice, speed, and a file's format."""

    text: str
    voice: str
    words_per_minute: int
    format: str


@dataclass(frozen=True, slots=True)
class Sound:
    """What it answers: a file, and whether nothing is to be heard in it."""

    audio: bytes
    is_silent: bool


class _Died(Exception):
    """The process ended, or what it said was cut short."""


class Engine:
    """Runs *command*, without a shell and without our environment, when it is first needed."""

    def __init__(self, command: tuple[str, ...]) -> None:
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        self._end: weakref.finalize[..., Engine] | None = None

    def speak(self, order: Order, deadline: Deadline) -> Sound:
        """Have *order* spoken.  A process that dies of it is started once more.

        Raises:
            InvalidRequest: The engine refuses the text.
            DeadlineExceeded: It was too slow, and was ended.
            ServiceUnreachable: It cannot be started, or died twice.
            BadAnswer: What it says makes no sense.
        """
        try:
            return self._ask(order, deadline)
        except _Died:
            deadline.left_s()
        try:
            return self._ask(order, deadline)
        except _Died as error:
            raise ServiceUnreachable("the speech engine on this machine does not run") from error

    def close(self) -> None:
        """End the process."""
        self._process = None
        if self._end is not None:
            self._end()

    def _ask(self, order: Order, deadline: Deadline) -> Sound:
        process = self._start()
        text = json.dumps(asdict(order)).encode()
        try:
            # Shorter than a pipe holds, and the process has read all that came before.
            os.write(process.stdin.fileno(), struct.pack("!I", len(text)) + text)  # type: ignore[union-attr]
            return _read_sound(process.stdout.fileno(), deadline)  # type: ignore[union-attr]
        except InvalidRequest:
            raise
        except OSError as error:
            self.close()
            raise _Died from error
        except BaseException:  # what it says later would be taken for the next answer
            self.close()
            raise

    def _start(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        self.close()
        try:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, env={}
            )
        except OSError as error:
            raise ServiceUnreachable(
                "the speech engine on this machine cannot be started"
            ) from error
        # Nobody closes an application that is thrown away.
        self._end = weakref.finalize(self, _end, self._process, os.getpid())
        assert self._process.stdout is not None
        os.set_blocking(self._process.stdout.fileno(), False)
        return self._process


def _end(process: subprocess.Popen[bytes], owner: int) -> None:
    """Kill *process*; not in a fork, which has its own."""
    if os.getpid() != owner:
        return
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


def _read_sound(pipe: int, deadline: Deadline) -> Sound:
    size = struct.unpack("!I", _read(pipe, 4, deadline))[0]
    if size > _MOST_HEADER_BYTES:
        raise BadAnswer("the speech engine answered nonsense")
    is_silent, length, refused = _read_header(_read(pipe, size, deadline))
    audio = _read(pipe, length, deadline)
    if refused is not None:
        raise InvalidRequest(f"the speech engine refuses: {refused}")
    return Sound(audio, is_silent)


def _read_header(text: bytes) -> tuple[bool, int, str | None]:
    try:
        header: dict[str, Any] = json.loads(text)
        length, refused = int(header["bytes"]), header.get("refused")
        is_silent = bool(header.get("is_silent"))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadAnswer("the speech engine answered nonsense") from error
    if not 0 <= length <= _MOST_AUDIO_BYTES:
        raise BadAnswer("the speech engine answered nonsense")
    return is_silent, length, refused


def _read(pipe: int, size: int, deadline: Deadline) -> bytes:
    """Exactly *size* bytes, before *deadline*."""
    poll = select.poll()
    poll.register(pipe, select.POLLIN)
    data = bytearray()
    while len(data) < size:
        if not poll.poll(max(deadline.left_s() * 1000, 1)):
            raise DeadlineExceeded("the speech engine was too slow")
        chunk = os.read(pipe, min(size - len(data), 1 << 20))
        if not chunk:
            raise BrokenPipeError
        data += chunk
    return bytes(data)
