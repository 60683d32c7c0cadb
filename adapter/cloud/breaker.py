"""A circuit breaker: what fails again and again is left alone for a while.

One stands before each dependency.  Knows no protocol: it reads the kinds of failure, of
which an ``InvalidRequest`` is none, for something answered it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum

from model_store.errors import (
    AccessRefused,
    DeadlineExceeded,
    EaselError,
    InvalidRequest,
    QuotaExceeded,
    ServiceUnavailable,
)


class State(Enum):
    """What a breaker lets through: everything, nothing, or one call to see."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """When a breaker opens, and for how long.

    Attributes:
        failures: So many in a row open it.
        open_s: Seconds until it lets one call through to see.
        most_open_s: Where that time, which doubles with each failed look, ends.
    """

    failures: int = 5
    open_s: float = 5.0
    most_open_s: float = 120.0


class Breaker:
    """Thread-safe; *clock* gives seconds.

    A refusal that says itself how long it will last (a quota, our credentials) opens the
    breaker at once for that long.  A call that began before the breaker last changed its
    state says nothing about the state it is in now, and is not counted.
    """

    def __init__(
        self,
        name: str,
        policy: BreakerPolicy,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._policy = policy
        self._clock = clock
        self._lock = threading.Lock()
        self._state = State.CLOSED
        self._failures = 0
        self._looks = 0
        self._turn = 0
        self._open_until = 0.0
        self._cause: EaselError | None = None

    @property
    def state(self) -> State:
        """As it was left by the last call; an open one may be due for a look."""
        return self._state

    @contextmanager
    def guarding(self, *, is_patient: bool = True) -> Iterator[None]:
        """Run the block if it may be, and learn from how it ends.

        Args:
            is_patient: Whether the caller waits as long as an answer may take: that one who
                was in a hurry got none says nothing.

        Raises:
            QuotaExceeded: It is left alone because of a quota.
            ServiceUnavailable: It is left alone because it failed; when to try again is said.
        """
        turn = self._enter()
        try:
            yield
        except InvalidRequest:
            self._succeeded(turn)
            raise
        except Exception as error:
            if isinstance(error, DeadlineExceeded) and not is_patient:
                self._gave_up(turn)
            else:
                self._failed(turn, error)
            raise
        except BaseException:  # the process is to end: that is nobody's failure
            self._gave_up(turn)
            raise
        self._succeeded(turn)

    def _enter(self) -> int:
        with self._lock:
            if self._state is State.OPEN and self._clock() >= self._open_until:
                self._change(State.HALF_OPEN)
                return self._turn
            if self._state is State.CLOSED:
                return self._turn
            raise self._refusal()

    def _refusal(self) -> EaselError:
        left_s = max(self._open_until - self._clock(), 1.0)
        kind = QuotaExceeded if isinstance(self._cause, QuotaExceeded) else ServiceUnavailable
        cause = f"{self._cause}" if self._cause else "it failed"
        return kind(f"{self.name} is left alone for now: {cause}", retry_after_s=left_s)

    def _succeeded(self, turn: int) -> None:
        with self._lock:
            if turn != self._turn:
                return
            self._failures = self._looks = 0
            self._cause = None
            if self._state is State.HALF_OPEN:
                self._change(State.CLOSED)

    def _failed(self, turn: int, error: Exception) -> None:
        with self._lock:
            if turn != self._turn:
                return
            self._failures += 1
            asked_s = _asks_for_s(error)
            is_over = self._state is State.HALF_OPEN or self._failures >= self._policy.failures
            if asked_s is None and not is_over:
                return
            self._cause = error if isinstance(error, EaselError) else None
            self._open(asked_s or 0.0)

    def _gave_up(self, turn: int) -> None:
        with self._lock:
            if turn == self._turn and self._state is State.HALF_OPEN:
                self._change(State.OPEN)  # the time is up already: the next call looks

    def _open(self, asked_s: float) -> None:
        doubled = self._policy.open_s * 2.0 ** min(self._looks, 30)
        self._open_until = self._clock() + max(asked_s, min(doubled, self._policy.most_open_s))
        self._looks += 1
        self._failures = 0
        self._change(State.OPEN)

    def _change(self, state: State) -> None:
        self._state = state
        self._turn += 1


def _asks_for_s(error: Exception) -> float | None:
    """Seconds for which a refusal will last by its own word."""
    return error.retry_after_s if isinstance(error, QuotaExceeded | AccessRefused) else None
