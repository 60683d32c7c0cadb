"""From a call's end to its observation, for both sides of the transport."""

from __future__ import annotations

import time

from model_store.errors import Code
from serving.services.methods import Call
from serving.services.observation import Observation


def observation(
    path: str, call: Call, code: Code, message: str, *, begun: float, is_grpc: bool
) -> Observation:
    """What is known of *call*, which began at *begun* and has just ended."""
    return Observation(
        path,
        is_grpc,
        code,
        call,
        time.perf_counter() - begun,
        call.request_bytes,
        call.response_bytes,
        message,
    )
