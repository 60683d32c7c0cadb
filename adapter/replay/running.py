"""Asks about many pictures at once, in the log's order, with bounded memory.

Requests that wait together run together in the model server, so that several threads here
are batches there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from adapter.replay.asking import Asker
from adapter.replay.cases import Answer, Case
from adapter.replay.comparing import Outcome
from model_store.errors import EaselError, ServableNotFound, ServableNotReady

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


def replay(
    cases: Iterable[Case], after: Asker, before: Asker | None, parallel: int, timeout_s: float
) -> Iterator[Outcome]:
    """What became of each case, in order.

    Args:
        cases: The pictures.
        after: The version that the log runs against.
        before: The version to compare with; None for what was answered then.
        parallel: How many pictures at a time.
        timeout_s: Seconds for each answer.

    Raises:
        ServableNotFound: The model server does not have one of the versions.
        ServableNotReady: It does not answer.
    """

    def run(case: Case) -> Outcome:
        try:
            said = _before(case, before, timeout_s)
            return Outcome(case, said, after.ask(case.record, timeout_s))
        except (ServableNotFound, ServableNotReady):  # so it would be with every picture
            raise
        except EaselError as error:
            return Outcome(case, None, None, str(error))

    yield from _in_order(run, cases, parallel)


def _before(case: Case, before: Asker | None, timeout_s: float) -> Answer | None:
    return case.logged if before is None else before.ask(case.record, timeout_s)


def _in_order(
    run: Callable[[ItemT], ResultT], items: Iterable[ItemT], parallel: int
) -> Iterator[ResultT]:
    """Run for every item, *parallel* at a time; no more items are read than are needed."""
    waiting: deque[Future[ResultT]] = deque()
    with ThreadPoolExecutor(parallel, thread_name_prefix="replay") as pool:
        try:
            for item in items:
                waiting.append(pool.submit(run, item))
                if len(waiting) >= 2 * parallel:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
