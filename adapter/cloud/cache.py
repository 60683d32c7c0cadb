"""Answers that were paid for once: bounded in bytes and in time, one call for equal requests.

Knows neither what the answers are nor where they come from.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Generic, TypeVar

from model_store.errors import DeadlineExceeded

V = TypeVar("V")

# What an entry takes beside its value: key, tuple, links.
OVERHEAD_BYTES = 400


@dataclass(frozen=True, slots=True)
class CachePolicy:
    """How much is kept, and how long; with 0 bytes nothing is."""

    max_bytes: int
    ttl_s: float


@dataclass(frozen=True, slots=True)
class _Entry(Generic[V]):
    value: V
    size_bytes: int
    until: float


class Cache(Generic[V]):
    """Thread-safe.  *size_of* gives a value's bytes, *clock* seconds.

    What was not used longest goes first.  Failures are not kept; those who wait for a call
    that fails share its failure, for asking at once again would be the stampede.
    """

    def __init__(
        self,
        policy: CachePolicy,
        size_of: Callable[[V], int],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._policy = policy
        self._size_of = size_of
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: OrderedDict[bytes, _Entry[V]] = OrderedDict()
        self._flights: dict[bytes, Future[V]] = {}
        self._bytes = 0

    @property
    def size_bytes(self) -> int:
        """What the entries take now."""
        return self._bytes

    def get_or_make(self, key: bytes, make: Callable[[], V], *, timeout_s: float) -> V:
        """The value kept for *key*, or that of *make*, which runs once for all who want it.

        Raises:
            DeadlineExceeded: Another's call was waited for in vain.
            EaselError: What *make* raised, here or there.
        """
        with self._lock:
            if (entry := self._fresh(key)) is not None:
                return entry.value
            flight = self._flights.get(key)
            is_mine = flight is None
            if flight is None:
                flight = self._flights[key] = Future()
        return self._make(key, make, flight) if is_mine else _wait(flight, timeout_s)

    def _make(self, key: bytes, make: Callable[[], V], flight: Future[V]) -> V:
        try:
            value = make()
        except BaseException as error:
            with self._lock:
                del self._flights[key]
            flight.set_exception(error)
            raise
        with self._lock:
            del self._flights[key]
            self._keep(key, value)
        flight.set_result(value)
        return value

    def _fresh(self, key: bytes) -> _Entry[V] | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        if self._clock() >= entry.until:
            self._drop(key)
            return None
        self._entries.move_to_end(key)
        return entry

    def _keep(self, key: bytes, value: V) -> None:
        size = self._size_of(value) + len(key) + OVERHEAD_BYTES
        if size > self._policy.max_bytes:
            return
        while self._bytes + size > self._policy.max_bytes:
            self._drop(next(iter(self._entries)))
        self._entries[key] = _Entry(value, size, self._clock() + self._policy.ttl_s)
        self._bytes += size

    def _drop(self, key: bytes) -> None:
        self._bytes -= self._entries.pop(key).size_bytes


def _wait(flight: Future[V], timeout_s: float) -> V:
    try:
        return flight.result(max(timeout_s, 0.0))
    except TimeoutError as error:
        raise DeadlineExceeded("the same was asked before and is not answered yet") from error
