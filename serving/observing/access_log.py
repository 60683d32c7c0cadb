"""The access log: one JSON object a line for each finished call, without tensors.

Lines are gathered and written a few times a second, so that a call pays for no disk.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from serving.observing.recorder import protocol_of
from serving.services.observation import Observation

logger = logging.getLogger(__name__)

STDOUT = "-"
_PAUSE_S = 0.2
# A scraper of logs wants a line to be a line; a caller's words may be long.
_MAX_TEXT = 1024


class AccessLog:
    """Appends to a file or to standard output.  Lives on one event loop."""

    def __init__(self, target: str, now: Callable[[], datetime] | None = None) -> None:
        """*target* is a path, or ``-`` for standard output; *now* gives the time in UTC.

        Raises:
            OSError: The file cannot be opened.
        """
        # Unbuffered: what a full disk did not take must not wait in memory.
        self._file: BinaryIO = _stdout() if target == STDOUT else _append(Path(target))
        self._now = now or (lambda: datetime.now(UTC))
        self._lines: list[str] = []

    def observe(self, observation: Observation) -> None:
        """Note one call; it is written within a moment."""
        if not self._lines:
            asyncio.get_running_loop().call_later(_PAUSE_S, self.flush)
        self._lines.append(encode_line(observation, self._now()))

    def flush(self) -> None:
        """Write what was noted; a full disk costs lines and nothing else."""
        text, self._lines = "".join(self._lines), []
        try:
            self._file.write(text.encode())
        except (OSError, ValueError) as error:
            logger.error("%d characters of the access log are lost: %s", len(text), error)

    def close(self) -> None:
        """Write the rest and close the file."""
        self.flush()
        self._file.close()


def _append(path: Path) -> BinaryIO:
    return path.open("ab", buffering=0)


def _stdout() -> BinaryIO:
    return os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)


def encode_line(observation: Observation, finished: datetime) -> str:
    """One call as a JSON object and a newline; fields without a value are left out."""
    call = observation.call
    value: dict[str, Any] = {
        "time": finished.isoformat(timespec="milliseconds"),
        "protocol": protocol_of(observation.path, is_grpc=observation.is_grpc),
        "path": observation.path,
        "code": observation.code.name,
        "total_ms": _ms(observation.seconds),
        "request_bytes": observation.request_bytes,
        "response_bytes": observation.response_bytes,
        "request_id": _header(observation, b"x-request-id"),
        "traceparent": _header(observation, b"traceparent"),
        "error": observation.message[:_MAX_TEXT],
    }
    if call.asked is not None:
        value["asked"] = str(call.asked)[:_MAX_TEXT]
    if call.answer is not None:
        timing = call.answer.timing
        value |= {
            "model": call.answer.model.name,
            "version": call.answer.model.number,
            "queue_ms": _ms(timing.queue_s),
            "compute_ms": _ms(timing.compute_s),
            "batch_rows": timing.batch_rows,
        }
    return json.dumps({name: each for name, each in value.items() if each != ""}) + "\n"


def _ms(seconds: float) -> float:
    return round(seconds * 1e3, 3)


def _header(observation: Observation, name: bytes) -> str:
    return observation.call.headers.get(name, b"").decode("latin-1")[:_MAX_TEXT]
