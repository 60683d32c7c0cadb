"""Inputs that a model server on this machine reads out of shared memory, and are not sent to it.

A picture of 224x224 through a socket is copied twice by the system and read in pieces; out of
shared memory it is read at once.  The server need not know of this: it is Triton's extension,
and one that refuses it gets the tensors sent.
"""

from __future__ import annotations

import fcntl
import logging
import mmap
import os
import time
import uuid
from collections import deque
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from adapter.clients.http1 import HttpAnswer, HttpClient
from adapter.ports import Tensors
from model_store.errors import EaselError
from serving.api import oip_http_client as codec
from serving.api.oip_tensors import raw_view
from serving.api.regions import FOLDER, Region, Span

logger = logging.getLogger(__name__)

# Less is sent as quickly; more comes seldom, and would keep memory for nothing.
_LEAST_BYTES = 16 * 1024
_MOST_BYTES = 1024 * 1024
# Where in it a tensor may begin: any type can be read there.
_STEP = 64
_KEPT = 32
_REGISTER_S = 1.0
# After a server has refused.
_REST_S = 60.0


class Slot:
    """Memory for the inputs of one request at a time.

    It is locked, so that a server of ours forgets it when this process is no more.
    """

    def __init__(self, region: Region, path: Path) -> None:
        """Make it.

        Raises:
            OSError: There is none to be had.
        """
        self.region = region
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._descriptor = os.open(path, flags, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_SH)
            # All of it now: whoever writes where a full disk has nothing is ended by the system.
            os.posix_fallocate(self._descriptor, 0, region.byte_size)
            self._memory = mmap.mmap(self._descriptor, region.byte_size)
        except BaseException:
            os.close(self._descriptor)
            raise

    def put(self, inputs: Tensors) -> Mapping[str, Span]:
        """Write *inputs*, which fit; returns where each is."""
        spans: dict[str, Span] = {}
        at = 0
        for name, tensor in inputs.items():
            raw = raw_view(tensor)
            self._memory[at : at + len(raw)] = raw
            spans[name] = Span(self.region.name, len(raw), at)
            at = _rounded(at + len(raw))
        return spans

    def close(self) -> None:
        """Give the memory back."""
        self._memory.close()
        os.close(self._descriptor)


class SharedInputs:
    """The memory that this process shares with one server; any number of threads may ask."""

    def __init__(self, http: HttpClient, prefix: str) -> None:
        """Share nothing yet.

        Args:
            http: Asks the server.
            prefix: How the names of the memory begin that it was told to share.
        """
        self._http = http
        self._prefix = prefix
        self._free: deque[Slot] = deque()
        self._rests_until = 0.0
        self._is_left = False

    def take(self, inputs: Tensors) -> Slot | None:
        """Memory for *inputs*; None where they are better sent."""
        if any(tensor.dtype == np.object_ for tensor in inputs.values()):
            return None
        size = sum(_rounded(tensor.nbytes) for tensor in inputs.values())
        if not _LEAST_BYTES <= size <= _MOST_BYTES:
            return None
        try:
            return self._free.pop()
        except IndexError:
            return None if time.monotonic() < self._rests_until else self._new()

    def give(self, slot: Slot) -> None:
        """The request that *slot* was for is answered, or nobody waits for it."""
        if len(self._free) < _KEPT:
            self._free.append(slot)
        else:
            self._end(slot)

    def has_refused(self, answer: HttpAnswer) -> bool:
        """Whether the server does not know the memory, as one that was started anew does not."""
        return answer.status in (400, 403, 404) and "shared memory" in codec.decode_error(
            answer.body
        )

    def close(self) -> None:
        """Let the server forget all of it."""
        self._rests_until = float("inf")
        while self._free:
            self._end(self._free.pop())

    def _new(self) -> Slot | None:
        name = uuid.uuid4().hex
        region = Region(name, f"{self._prefix}{name}", 0, _MOST_BYTES)
        path = FOLDER / region.key.removeprefix("/")
        try:
            slot = Slot(region, path)
            if self._register(region):
                return slot
            slot.close()
        except (OSError, ValueError) as error:
            self._rest(f"there is none: {error}")
        finally:
            # Who has it open keeps it, and nobody else can open it; nothing is left behind.
            path.unlink(missing_ok=True)
        return None

    def _register(self, region: Region) -> bool:
        body = codec.encode_register_request(region)
        path = codec.region_path(region.name, "register")
        try:
            answer = self._http.post(
                path, b"content-type: application/json\r\n", [body], timeout_s=_REGISTER_S
            )
        except EaselError as error:
            self._rest(str(error))
            return False
        if answer.status == 200:
            return True
        self._rest(codec.decode_error(answer.body) or f"HTTP status {answer.status}")
        return False

    def _rest(self, why: str) -> None:
        self._rests_until = time.monotonic() + _REST_S
        logger.info("no memory is shared with the model server for %.0f s: %s", _REST_S, why)

    def _end(self, slot: Slot) -> None:
        slot.close()
        if self._is_left:
            return
        path = codec.region_path(slot.region.name, "unregister")
        try:
            self._http.post(path, b"", [], timeout_s=_REGISTER_S)
        except EaselError:
            self._is_left = True  # it is gone, and the regions with it


def _rounded(size: int) -> int:
    return -(-size // _STEP) * _STEP
