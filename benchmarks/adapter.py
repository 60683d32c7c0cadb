"""``python -m benchmarks.adapter``: drawings over HTTP, by Easel and by everybody else.

The adapter in front of its server, the same service written with LitServe, BentoML, Ray
Serve and mosec, the way it was done before, and the limit: the same work in a loop in one
process a core.  Every request is another drawing.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median

from benchmarks import recognising
from benchmarks.canvas_client import Answered, closed_loop, open_loop, to_request
from benchmarks.command import Comparison, Outcome, Run, main
from benchmarks.contenders import Bench, Loop, loop_trial
from benchmarks.drawings import MODELS, Drawing, drawings
from benchmarks.figures import Figure, best, largest
from benchmarks.load import Clocks, Load, NoAnswer, Slice, percentiles_ms
from benchmarks.processes import Memory, Service, resident, wait_until_idle
from benchmarks.recognising import EASEL, OLD_WAY, PEERS, Started
from benchmarks.report import Baseline, Table, series_table
from benchmarks.rounds import Effort, Series, Trial, find, ratio

LIMIT = f"in-process limit, {os.cpu_count()} processes"
# What the limit would be with Easel's decoder of drawings.
OWN_LIMIT = f"{LIMIT}, Easel's decoder"
WORKER = "easel up, the adapter's processes"
SHARE_OF_PEAK = 0.7
_PEAK = Load(32)
_PEAK_S = 1.0
_DRAIN_S = 2.0
_EFFORT, _QUICK = Effort(5, 2.0), Effort(3, 0.7)
_MANY = (8, 32)


def measure(run: Run) -> Outcome:
    """Everybody under every load, for both models."""
    bench, notes = run.bench, list[str]()
    entrants = recognising.chosen(run.flags.only)
    given = {model: drawings(bench.store, model) for model in MODELS}
    with recognising.all_started(bench, run.flags, entrants, given, notes) as found:
        todo = [trial for model in MODELS for trial in _trials(bench, found, model, given[model])]
        series = run.measure(todo, _EFFORT, _QUICK)
        memory = {each.entrant.title: resident(each.service) for each in found}
        memory[WORKER] = resident(found[0].service, below="adapter")
    return Outcome(series, tables(series), memory, notes, compute(series, memory))


def _trials(
    bench: Bench, found: Sequence[Started], model: str, given: Sequence[Drawing]
) -> list[Trial]:
    limits = [
        loop_trial(bench, busy(model), name, Loop(work, 1, model, os.cpu_count() or 1), (1, 1))
        for name, work in ((LIMIT, "drawing"), (OWN_LIMIT, "drawing-easel"))
    ]
    asked = [
        Trial(
            busy(model), each.entrant.title, Load(callers), 1, _Closed(each, model, given, callers)
        )
        for each in found
        for callers in each.entrant.callers
    ]
    calm = [
        Trial(at_ease(model), each.entrant.title, Load(0), 1, _Open(each, model, given))
        for each in found
        if each.entrant.title != OLD_WAY
    ]
    return [*limits, *asked, *calm]


def busy(model: str) -> str:
    """The workload with so many callers that each waits for its answer."""
    return f"{model}: a drawing over HTTP, 280x280 PNG"


def at_ease(model: str) -> str:
    """The workload at a part of the most that can be done."""
    return f"{model}: drawings that come at random, {SHARE_OF_PEAK:.0%} of the peak"


class _Closed:
    """One entrant under so many callers."""

    def __init__(
        self, started: Started, model: str, given: Sequence[Drawing], callers: int
    ) -> None:
        self._started, self._given, self._callers = started, given, callers
        self._requests = [to_request(f"/api/{model}", each.body) for each in given]

    def __call__(self, seconds: float) -> Slice:
        with self._started.awake() as address:
            return _measured(
                self._started.service,
                self._given,
                lambda: closed_loop(
                    address, self._requests, callers=self._callers, seconds=seconds
                ),
            )


class _Open:
    """One entrant, asked for a part of what it could do a moment before."""

    def __init__(self, started: Started, model: str, given: Sequence[Drawing]) -> None:
        self._started, self._given = started, given
        self._requests = [to_request(f"/api/{model}", each.body) for each in given]

    def __call__(self, seconds: float) -> Slice:
        with self._started.awake() as address:
            peak = closed_loop(address, self._requests, callers=_PEAK.callers, seconds=_PEAK_S)
            rate = SHARE_OF_PEAK * len(peak.times_us) / peak.seconds
            return _measured(
                self._started.service,
                self._given,
                lambda: open_loop(address, self._requests, rate=rate, seconds=2 * seconds),
            )


def _measured(service: Service, given: Sequence[Drawing], load: Callable[[], Answered]) -> Slice:
    """What *load* did, by the clocks of all who took part; every answer is looked at."""
    wait_until_idle([service], at_most_s=_DRAIN_S)
    before, own = Clocks.now([service]), time.process_time()
    found = load()
    own, spent = time.process_time() - own, Clocks.now([service]).since(before)
    recognising.check(given, found.answers)
    if not found.times_us:
        raise NoAnswer("no answer came in time")
    p50_ms, p99_ms = percentiles_ms(found.times_us)
    # The last answers come when the time is over, and cost as much as the others.
    answers = len(found.answers)
    return Slice(
        len(found.times_us), found.seconds, p50_ms, p99_ms,
        server_cpu_us=1e6 * spent.servers_s / answers,
        client_cpu_us=1e6 * own / answers,
        foreign=spent.foreign,
    )  # fmt: skip


def tables(series: Sequence[Series]) -> list[Table]:
    """Two for each model."""
    compared = [
        Baseline("of the limit", (LIMIT,), is_loop=True),
        Baseline("x easel up", (EASEL,)),
        Baseline("x old way", (OLD_WAY,)),
    ]
    return [
        table
        for model in MODELS
        for table in (
            series_table(busy(model), busy(model), series, compared),
            series_table(at_ease(model), at_ease(model), series, []),
        )
    ]


def compute(series: Sequence[Series], memory: Mapping[str, Sequence[Memory]]) -> list[Figure]:
    """The figures that issue 5 asks for."""
    found = [figure for model in MODELS for figure in _figures_of(series, model)]
    text = "easel up, resident after the load, each of the adapter's processes"
    return [*found, Figure(text, 120.0, largest(memory.get(WORKER)), "MB", is_ceiling=True)]


def _figures_of(series: Sequence[Series], model: str) -> list[Figure]:
    def over(other: str, load: Load, at: Load) -> float | None:
        mine, theirs = (
            find(series, busy(model), EASEL, load),
            best(series, busy(model), (other,), at),
        )
        return None if mine is None or theirs is None else ratio(mine, theirs)

    calm = find(series, at_ease(model), EASEL, Load(0))
    spread = None
    if calm is not None and calm.slices and not calm.failure:
        spread = median(each.p99_ms / each.p50_ms for each in calm.slices)
    limits = [
        Figure(
            f"{model}, {callers} callers, of the in-process limit",
            0.5, over(LIMIT, Load(callers), Load(0)), "x",
        )
        for callers in _MANY
    ]  # fmt: skip
    peers = [
        Figure(
            f"{model}, {callers} callers, over {peer}",
            1.0, over(peer, Load(callers), Load(callers)), "x",
        )
        for peer in PEERS
        for callers in _MANY
    ]  # fmt: skip
    old = over(OLD_WAY, Load(8), Load(8))
    calm_text = f"{model}, {SHARE_OF_PEAK:.0%} of the peak, p99 over p50"
    return [
        *limits,
        *peers,
        Figure(f"{model}, 8 callers, over the old way", 10.0, old, "x"),
        Figure(calm_text, 4.0, spread, "x", is_ceiling=True),
    ]


COMPARISON = Comparison(
    program="python -m benchmarks.adapter",
    about=__doc__,
    results="bench-adapter.json",
    add_flags=recognising.add_flags,
    measure=measure,
    may_fail=True,
)

if __name__ == "__main__":
    sys.exit(main(COMPARISON))
