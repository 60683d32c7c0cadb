"""One finished call as data: what the transport tells whoever counts or logs."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from model_store.errors import Code
from serving.services.methods import Call


class Observation(NamedTuple):
    """One finished call, also when it failed or was cancelled.

    Attributes:
        path: gRPC's full method, or HTTP's path without the query.
        is_grpc: Whether it was gRPC, or else HTTP.
        code: How it ended.
        call: Headers, and what was asked and answered, as far as it came.
        seconds: From its arrival to the whole answer.
        request_bytes: Length of the message or body, as it was sent.
        response_bytes: Length of the message or body, as it was sent.
        message: Why it failed; empty otherwise.
    """

    path: str
    is_grpc: bool
    code: Code
    call: Call
    seconds: float
    request_bytes: int
    response_bytes: int
    message: str = ""


Observe = Callable[[Observation], None]
