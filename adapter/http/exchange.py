"""One request and what became of it: its id, who asked, which version answered.

Kept in the WSGI environment from the first to the last; log and metrics are told of it.
"""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass, field
from typing import cast
from wsgiref.types import WSGIEnvironment

from adapter.access.rates import Allowance

ID_HEADER = "X-Request-Id"
TRACE_HEADER = "traceparent"

_KEY = "easel.exchange"
# What could break a line of a log, or is longer than one, is not taken over.
_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}", re.ASCII)
_TRACE = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


@dataclass(slots=True)
class Exchange:
    """What is noted of a request while it is answered.

    Attributes:
        request_id: The caller's, or a new one.
        traceparent: The caller's trace, by the W3C's rules; empty without one.
        caller: The key's name or the address.
        allowance: What is left to the caller, where rates are limited.
        service: Which service was asked.
        model: Which model answered, if one did.
        version: Its version.
        outcome: OK, or the code of the failure.
        begun: When it arrived, on ``time.perf_counter``.
    """

    request_id: str
    traceparent: str = ""
    caller: str = ""
    allowance: Allowance | None = None
    service: str = "none"
    model: str = ""
    version: str = ""
    outcome: str = "OK"
    begun: float = field(default_factory=time.perf_counter)

    @property
    def seconds(self) -> float:
        """How long it has taken until now."""
        return time.perf_counter() - self.begun


def begin(environ: WSGIEnvironment) -> Exchange:
    """The note of a request that has just arrived, put where ``note_of`` finds it."""
    sent = environ.get("HTTP_X_REQUEST_ID", "")
    trace = environ.get("HTTP_TRACEPARENT", "")
    note = environ[_KEY] = Exchange(
        request_id=sent if _ID.fullmatch(sent) else os.urandom(16).hex(),
        traceparent=trace if _TRACE.fullmatch(trace) else "",
    )
    return note


def note_of(environ: WSGIEnvironment) -> Exchange:
    """The note of a request; a new one where nobody has begun it."""
    return cast("Exchange", environ.get(_KEY) or begin(environ))


def note_answer(note: Exchange, answer: object) -> None:
    """Keep which model and version answered, where the answer says so."""
    model = getattr(answer, "model", None)
    name, version = getattr(model, "name", None), getattr(model, "version", None)
    if isinstance(name, str) and version is not None:
        note.model, note.version = name, str(version)
