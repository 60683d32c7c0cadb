"""How requests of one model are joined and how many may wait, as data.

The server has one ``BatchLimits``; a model's own wishes, from TF Serving's batching file
or the configuration, are a ``BatchOverrides`` laid over it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

from model_store.errors import InvalidRequest

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """How requests of one signature are joined.

    Attributes:
        max_rows: Rows of one run; longer requests are split.
        max_waiting_rows: Rows that may wait; more are refused with Overloaded.
        max_queue_s: Expected seconds of waiting above which requests are refused likewise.
        timeout_s: Longest wait for company while a run has room; 0 waits for nobody.
        allowed_rows: Ascending; a run is padded to the next of them.  Empty allows any.
        inline_s: Expected seconds of a run up to which it happens on the event loop.
        lanes: Runs in threads at the same time.
    """

    max_rows: int = 64
    max_waiting_rows: int = 4096
    max_queue_s: float = 5.0
    timeout_s: float = 0.0
    allowed_rows: tuple[int, ...] = ()
    inline_s: float = 0.002
    lanes: int = 2


@dataclass(frozen=True, slots=True)
class BatchOverrides:
    """What one model wants otherwise, in TF Serving's words; None leaves it as it is.

    Attributes:
        max_batch_size: Rows of one run.
        batch_timeout_micros: Longest wait for company, in microseconds.
        allowed_batch_sizes: Rows that a run may have; the last is ``max_batch_size``.
        max_enqueued_batches: Full batches that may wait.
        num_batch_threads: Runs in threads at the same time.
    """

    max_batch_size: int | None = None
    batch_timeout_micros: int | None = None
    allowed_batch_sizes: tuple[int, ...] | None = None
    max_enqueued_batches: int | None = None
    num_batch_threads: int | None = None


def with_overrides(limits: BatchLimits, wanted: BatchOverrides) -> BatchLimits:
    """Lay a model's own wishes over the server's limits.

    Raises:
        InvalidRequest: The result contradicts itself; the message says how.
    """
    max_rows = _or(wanted.max_batch_size, limits.max_rows)
    micros = wanted.batch_timeout_micros
    batches = wanted.max_enqueued_batches
    return checked(
        replace(
            limits,
            max_rows=max_rows,
            timeout_s=limits.timeout_s if micros is None else micros / 1e6,
            allowed_rows=_or(wanted.allowed_batch_sizes, limits.allowed_rows),
            max_waiting_rows=limits.max_waiting_rows if batches is None else batches * max_rows,
            lanes=_or(wanted.num_batch_threads, limits.lanes),
        )
    )


def checked(limits: BatchLimits) -> BatchLimits:
    """Give back limits that can be kept.

    Raises:
        InvalidRequest: They cannot; the message says why.
    """
    for name, value, least in (
        ("max_batch_size", limits.max_rows, 1),
        ("batch_timeout_micros", limits.timeout_s, 0),
        ("max_enqueued_batches", limits.max_waiting_rows, 1),
        ("num_batch_threads", limits.lanes, 1),
    ):
        if value < least:
            raise InvalidRequest(f"{name} must be at least {least}")
    sizes = limits.allowed_rows
    if sizes and (sizes[0] < 1 or sorted(set(sizes)) != list(sizes)):
        raise InvalidRequest(f"allowed_batch_sizes must ascend from at least 1, not {list(sizes)}")
    if sizes and sizes[-1] != limits.max_rows:
        raise InvalidRequest(
            f"the last of allowed_batch_sizes must be max_batch_size, {limits.max_rows}, "
            f"not {sizes[-1]}"
        )
    return limits


def _or(value: T | None, otherwise: T) -> T:
    return otherwise if value is None else value
