"""A call to a service outside with all that belongs to it: breaker, retries, deadline, count."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from adapter.cloud.breaker import Breaker
from adapter.cloud.retry import RetryPolicy, with_retries
from model_store.errors import (
    AccessRefused,
    BadAnswer,
    DeadlineExceeded,
    EaselError,
    InvalidRequest,
    QuotaExceeded,
    ServiceUnavailable,
)

T = TypeVar("T")
# Told of each call: who was called, how it ended, and the seconds it took.
Listener = Callable[[str, str, float], None]

OK = "ok"
NOT_ASKED = "not_asked"
_OUTCOMES: Mapping[type[EaselError], str] = {
    QuotaExceeded: "quota",
    AccessRefused: "no_access",
    BadAnswer: "bad_answer",
    ServiceUnavailable: "unreachable",
    DeadlineExceeded: "late",
    InvalidRequest: "refused",
    EaselError: "failed",
}


@dataclass(frozen=True, slots=True)
class Watch:
    """Who is told of calls outside; listeners come before the first call."""

    listeners: list[Listener] = field(default_factory=list)

    def tell(self, name: str, outcome: str, seconds: float) -> None:
        """Tell all of one call."""
        for listener in self.listeners:
            listener(name, outcome, seconds)


@dataclass(frozen=True, slots=True)
class Guard:
    """What stands between us and one service.

    Attributes:
        breaker: That service's own.
        retries: How often a call is tried.
        timeout_s: Longest time for an answer; callers may have less.
        watch: Who is told how calls end.
    """

    breaker: Breaker
    retries: RetryPolicy
    timeout_s: float
    watch: Watch = field(default_factory=Watch)

    def run(self, call: Callable[[float], T], *, timeout_s: float) -> T:
        """What ``call(seconds)`` gives.  With its retries it is one call to the breaker.

        Raises:
            EaselError: What it raised at last, or that the service is left alone.
        """
        begun, outcome = time.perf_counter(), NOT_ASKED
        try:
            # Half the time is patience enough: some of it went before the call.
            with self.breaker.guarding(is_patient=timeout_s >= self.timeout_s / 2):
                outcome = "failed"
                answer = self._try(call, timeout_s)
            outcome = OK
            return answer
        except EaselError as error:
            outcome = outcome if outcome == NOT_ASKED else outcome_of(error)
            raise
        finally:
            self.watch.tell(self.breaker.name, outcome, time.perf_counter() - begun)

    def _try(self, call: Callable[[float], T], timeout_s: float) -> T:
        return with_retries(call, self.retries, timeout_s=min(timeout_s, self.timeout_s))


def outcome_of(error: EaselError) -> str:
    """How a call that ended with *error* is counted: a quota is told from all else."""
    return next(_OUTCOMES[kind] for kind in type(error).__mro__ if kind in _OUTCOMES)
