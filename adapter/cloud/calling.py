"""A call to a service of Google's with all that belongs to it: breaker, retries, deadline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from adapter.cloud.breaker import Breaker
from adapter.cloud.retry import RetryPolicy, with_retries

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Guard:
    """What stands between us and one service.

    Attributes:
        breaker: That service's own.
        retries: How often a call is tried.
        timeout_s: Longest time for an answer; callers may have less.
    """

    breaker: Breaker
    retries: RetryPolicy
    timeout_s: float

    def run(self, call: Callable[[float], T], *, timeout_s: float) -> T:
        """What ``call(seconds)`` gives.  With its retries it is one call to the breaker.

        Raises:
            EaselError: What it raised at last, or that the service is left alone.
        """
        # Half the time is patience enough: some of it went before the call.
        with self.breaker.guarding(is_patient=timeout_s >= self.timeout_s / 2):
            return with_retries(call, self.retries, timeout_s=min(timeout_s, self.timeout_s))
