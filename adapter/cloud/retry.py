"""Calls that are tried again, within the time that the caller has."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from adapter.deadline import Deadline
from model_store.errors import ServiceUnreachable

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often, and how long to wait between.

    Only ``ServiceUnreachable`` is tried again: the service did nothing yet.  What was late,
    or failed while it was worked on, may have been done and paid for already.

    Attributes:
        attempts: Calls in all.
        first_s: Longest pause after the first; it doubles.
        most_s: Where the doubling ends.
        clock: Gives seconds.
        sleep: Waits for seconds.
        jitter: Gives a number in [0, 1): each pause is that part of its longest, so that those
            who were refused together do not come back together.
    """

    attempts: int = 3
    first_s: float = 0.1
    most_s: float = 1.0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random


def with_retries(call: Callable[[float], T], policy: RetryPolicy, *, timeout_s: float) -> T:
    """What ``call(seconds left)`` gives, tried again where that is safe and there is time.

    Raises:
        DeadlineExceeded: There was no time to begin with.
        EaselError: What the last attempt raised.
    """
    deadline = Deadline.after(timeout_s, policy.clock)
    longest_s = policy.first_s
    for attempt in range(1, policy.attempts + 1):
        left_s = deadline.left_s()
        try:
            return call(left_s)
        except ServiceUnreachable:
            pause_s = policy.jitter() * longest_s
            if attempt == policy.attempts or policy.clock() + pause_s >= deadline.at:
                raise
        policy.sleep(pause_s)
        longest_s = min(2 * longest_s, policy.most_s)
    raise AssertionError("the loop returns or raises")
