"""The access log: one JSON object a line for each request, without pictures or words."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from wsgiref.types import WSGIEnvironment

import msgspec

from adapter.http.exchange import Exchange

logger = logging.getLogger(__name__)

STDOUT = "-"
_MAX_TEXT = 256
_encode = msgspec.json.Encoder().encode


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """One request.  The path has no query: there may be words in it."""

    time: str
    method: str
    path: str
    status: int
    outcome: str
    total_ms: float
    request_bytes: int
    response_bytes: int
    request_id: str
    service: str = ""
    model: str = ""
    version: str = ""
    caller: str = ""
    traceparent: str = ""


class AccessLog:
    """Appends to a file or to standard output, a line at a time: processes may share it."""

    def __init__(self, target: str) -> None:
        """*target* is a path, or ``-`` for standard output.

        Raises:
            OSError: The file cannot be opened.
        """
        # Unbuffered: a line is there when its request is answered, whatever comes then.
        self._file = (
            os.dup(sys.stdout.fileno())
            if target == STDOUT
            else os.open(target, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        )

    def write(
        self,
        environ: WSGIEnvironment,
        note: Exchange,
        status: int,
        headers: Iterable[tuple[str, str]],
    ) -> None:
        """Append the line of one answer; a full disk costs the line and nothing else."""
        line = _line(environ, note, status, headers)
        try:
            os.write(self._file, _encode(line) + b"\n")
        except OSError as error:
            logger.error("a line of the access log is lost: %s", error)


def _line(
    environ: WSGIEnvironment, note: Exchange, status: int, headers: Iterable[tuple[str, str]]
) -> Line:
    length = next((value for name, value in headers if name.lower() == "content-length"), "0")
    return Line(
        time=datetime.now(UTC).isoformat(timespec="milliseconds"),
        method=environ["REQUEST_METHOD"],
        path=(environ.get("SCRIPT_NAME", "") + environ["PATH_INFO"])[:_MAX_TEXT],
        status=status,
        outcome=note.outcome,
        total_ms=round(note.seconds * 1e3, 3),
        request_bytes=_number(environ.get("CONTENT_LENGTH")),
        response_bytes=_number(length),
        request_id=note.request_id,
        service=note.service,
        model=note.model,
        version=note.version,
        caller=note.caller,
        traceparent=note.traceparent,
    )


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() else 0
