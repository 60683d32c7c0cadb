"""A process that is to end leaves nobody without an answer.

It hears of the end while it still answers.  Kept connections are asked with their next answer
to end: a request that is sent just as an idle one is closed would be lost.  Then no new ones
are let in, so that none waits in the system's queue when that is closed.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

# Names the pipe, from the command to the processes that answer.
DRAIN_VARIABLE = "EASEL_ADAPTER_DRAIN"
# For so long connections are asked to end, and for so long after that none is let in.
ASK_S = 0.35
REFUSE_S = 0.25

_SO_ATTACH_FILTER = 26
# For Linux' packet filter: byte 13 of a TCP header; if it has SYN drop all, else keep all.
_NO_NEW_ONES = ((0x30, 0, 0, 13), (0x45, 0, 1, 0x02), (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFFFFFF))


class Draining:
    """Whether the end is near; false until somebody says so."""

    def __init__(self) -> None:
        """Nobody has said so."""
        self._is_near = False

    def __bool__(self) -> bool:
        """Whether it is."""
        return self._is_near

    def begin(self) -> None:
        """Say that it is."""
        self._is_near = True

    def listen(self, pipe: Path) -> None:
        """Begin when ``end_is_near`` says so through *pipe*, and soon let nobody in any more."""
        threading.Thread(target=self._listen, args=(pipe,), name="draining", daemon=True).start()

    def _listen(self, pipe: Path) -> None:
        with suppress(OSError):  # the folder has gone, and the command with it
            pipe.open("rb").close()  # waits until somebody writes
            self.begin()
            time.sleep(ASK_S)
            let_nobody_in()


def end_is_near(pipe: Path) -> None:
    """Tell all processes that listen."""
    with suppress(OSError):  # nobody does
        os.close(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))


def let_nobody_in() -> None:
    """Drop what would become a new connection to this process; who tries comes to another."""
    if sys.platform != "linux":
        return
    code = ctypes.create_string_buffer(
        b"".join(struct.pack("HBBI", *each) for each in _NO_NEW_ONES)
    )
    program = struct.pack("HP", len(_NO_NEW_ONES), ctypes.addressof(code))
    for link in tuple(Path("/proc/self/fd").iterdir()):
        with suppress(OSError), socket.socket(fileno=os.dup(int(link.name))) as each:
            if each.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                each.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
