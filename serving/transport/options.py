"""What a deployment may choose about the transport."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from serving.services.observation import Observe
from serving.transport.memory import Memory


@dataclass(frozen=True, slots=True)
class Options:
    """How the application behaves.

    Attributes:
        max_message_bytes: Longest message accepted, also once it is decompressed.
        http_timeout_s: Longest time for one HTTP request; None for any.
        allows_cors: Whether pages of other origins may call.
        max_calls: Calls for a model that may be inside at once; more are refused.
        memory: Of the requests that are inside, together; more are refused.
        observe: Told of every call once it has ended; must not raise or wait.
        runs_model: Whether a POST to that path over HTTP runs a model and does nothing else.
    """

    max_message_bytes: int
    http_timeout_s: float | None = None
    allows_cors: bool = False
    max_calls: int = 2048
    memory: Memory = field(default_factory=lambda: Memory(1 << 30))
    observe: Observe | None = None
    runs_model: Callable[[str], bool] = lambda _: False
