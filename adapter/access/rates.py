"""How often one caller may ask: a sliding window of the library ``limits``."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from limits import RateLimitItem, parse
from limits.errors import StorageError
from limits.storage import storage_from_string
from limits.strategies import SlidingWindowCounterRateLimiter

from adapter.access.counters import Counters
from model_store.errors import InvalidRequest, RateLimited

logger = logging.getLogger(__name__)

MEMORY = "memory://"
_SHARED = ("redis://", "rediss://", "redis+unix://", "redis+sentinel://", "redis+cluster://")
# A storage that does not answer must not make every request wait.
_STORAGE_TIMEOUT_S = 0.25
_PAUSE_S = 5.0


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a caller has left.

    Attributes:
        most: Requests in one window.
        window_s: The window's length.
        left: Requests until it is over.
        reset_s: Seconds until there are more.
    """

    most: int
    window_s: int
    left: int
    reset_s: int

    def headers(self) -> tuple[tuple[str, str], ...]:
        """The fields of the IETF's draft on rate limits."""
        return (
            ("RateLimit-Policy", f'"default";q={self.most};w={self.window_s}'),
            ("RateLimit", f'"default";r={self.left};t={self.reset_s}'),
        )


class Rates:
    """Counts requests by caller; opens its storage on first use, after the fork."""

    def __init__(
        self, rate: str, storage: str = MEMORY, clock: Callable[[], float] = time.time
    ) -> None:
        """Allow *rate* (``600/minute``) to each caller, counted in *storage*.

        Raises:
            InvalidRequest: One of the two cannot be understood.
        """
        self._item = read_rate(rate)
        if storage != MEMORY and not storage.startswith(_SHARED):
            raise InvalidRequest(
                f"rate_storage: {storage!r} is not known; write {MEMORY} or redis://HOST:PORT"
            )
        self._storage = storage
        self._clock = clock
        self._lock = threading.Lock()
        self._limiter: SlidingWindowCounterRateLimiter | None = None
        self._rest_until = -math.inf

    def count(self, caller: str) -> Allowance | None:
        """Count one request; None while the storage cannot be reached: then all may ask.

        Raises:
            RateLimited: It is one too many; says when to come again.
        """
        if self._clock() < self._rest_until:
            return None
        try:
            limiter = self._open()
            is_allowed = limiter.hit(self._item, caller)
            reset_at, left = limiter.get_window_stats(self._item, caller)
        except StorageError as error:
            self._rest_until = self._clock() + _PAUSE_S
            logger.error("nobody's rate is limited for %g s: %s", _PAUSE_S, error)
            return None
        # `limits` tells it by the system's clock, whatever ours is.
        reset_s = max(1, math.ceil(reset_at - time.time()))
        most, window_s = self._item.amount, self._item.get_expiry()
        if not is_allowed:
            raise RateLimited(
                f"more than {most} requests in {window_s} s; wait {reset_s} s",
                retry_after_s=reset_s,
            )
        return Allowance(most, window_s, int(left), reset_s)

    def _open(self) -> SlidingWindowCounterRateLimiter:
        with self._lock:
            if self._limiter is None:
                self._limiter = SlidingWindowCounterRateLimiter(
                    Counters(clock=self._clock)
                    if self._storage == MEMORY
                    else storage_from_string(
                        self._storage,
                        wrap_exceptions=True,
                        socket_timeout=_STORAGE_TIMEOUT_S,
                        socket_connect_timeout=_STORAGE_TIMEOUT_S,
                    )
                )
            return self._limiter


def read_rate(text: str) -> RateLimitItem:
    """``600/minute``, ``10 per second``, ``5000/2 hours``.

    Raises:
        InvalidRequest: It is no rate.
    """
    try:
        item = parse(text)
    except ValueError as error:
        raise InvalidRequest(f"rate_limit: {text!r} is no rate; write 600/minute") from error
    if item.amount < 1:
        raise InvalidRequest(f"rate_limit: {text!r} allows nothing; leave it out to allow all")
    return item
