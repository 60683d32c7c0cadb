"""One graph loaded twice: with few threads for runs in company, with many for one alone.

Several threads in one run wait for each other, so that a busy server computes more with
one thread for each run; but a caller that is alone would leave the other cores idle.  On a
machine whose other cores are busy with something else that is the better choice, so the
session keeps comparing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from serving.api.calls import Tensor, Tensors
from serving.engine.session import Abort, Session

_TRIALS = 10
_TRIAL_S = 1.0
# Of so many runs alone one is spent on the session that was slower: of few after runs in
# company, which the machine was another for, and of twice as many after each that shows no more.
EXPLORE_SOON, EXPLORE = 4, 32
_TRUST = 0.2
# In a run of the other session: what is known of it is old.
_TRUST_SELDOM = 0.5
# While other processes load their models too a trial shows little: a second session that
# was not slower by more than this is kept, and the runs of every day decide.
_NO_WORSE = 1.5


class ElasticSession:
    """A session over two."""

    def __init__(
        self,
        narrow: Session,
        wide: Session,
        seconds: tuple[float, float],
        is_crowded: Callable[[], bool] = lambda: False,
    ) -> None:
        """Begin with what a row took, in *seconds*, with each.

        No run is alone while other processes keep all cores busy: while *is_crowded*.
        """
        self._is_crowded = is_crowded
        self._sessions = (narrow, wide)
        self._seconds = list(seconds)
        self._lock = threading.Lock()
        self._running = self._begun = self._alone = 0
        self._every = EXPLORE_SOON

    def run(
        self, outputs: Sequence[str], inputs: Tensors, abort: Abort | None = None
    ) -> list[Tensor]:
        """Compute on the session that suits the moment; see ``Session``."""
        with self._lock:
            is_alone = self._running == 0 and not self._is_crowded()
            usual = int(self._seconds[1] < self._seconds[0])
            which = self._pick(usual) if is_alone else 0
            if not is_alone:
                self._every = EXPLORE_SOON
            self._running += 1
            self._begun += 1
            ticket = self._begun
        begun = time.perf_counter()
        try:
            results = self._sessions[which].run(outputs, inputs, abort)
        finally:
            seconds = time.perf_counter() - begun
            with self._lock:
                self._running -= 1
        if is_alone and ticket == self._begun:  # nobody came in between
            per_row = seconds / max([1, *(len(each) for each in inputs.values() if each.ndim)])
            trust = _TRUST if which == usual else _TRUST_SELDOM
            self._seconds[which] += trust * (per_row - self._seconds[which])
        return results

    def _pick(self, usual: int) -> int:
        """Which session a run alone gets: the faster one, and now and then the other."""
        self._alone += 1
        if self._alone < self._every:
            return usual
        self._alone = 0
        self._every = min(2 * self._every, EXPLORE)
        return 1 - usual


def widened(
    narrow: Session,
    open_wide: Callable[[], Session],
    work: Callable[[Session], object],
    above_s: float,
    is_crowded: Callable[[], bool] = lambda: False,
) -> Session:
    """*narrow* alone, or both, if more threads may make a run faster.

    Args:
        narrow: Few threads.
        open_wide: Loads the same graph for many.
        work: Runs one row.
        above_s: Cheaper runs happen on the event loop, one after the other, and gain nothing.
        is_crowded: Whether all other cores are busy now.
    """
    work(narrow)
    if _seconds(work, narrow) <= above_s:
        return narrow
    wide = open_wide()
    work(wide)
    alone: list[float] = []
    together: list[float] = []
    while len(alone) < _TRIALS and sum(alone) < _TRIAL_S:
        alone.append(_seconds(work, narrow))
        together.append(_seconds(work, wide))
    least = min(alone), min(together)  # the least disturbed of each
    if least[1] >= _NO_WORSE * least[0]:
        return narrow
    return ElasticSession(narrow, wide, least, is_crowded)


def _seconds(work: Callable[[Session], object], session: Session) -> float:
    begun = time.perf_counter()
    work(session)
    return time.perf_counter() - begun
