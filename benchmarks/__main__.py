"""``python -m benchmarks``: the model server beside the limit, with the figures to reach."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import ExitStack

from benchmarks import contenders, figures
from benchmarks.calls import infer_call, predict_call
from benchmarks.command import Comparison, Outcome, Run, main, no_flags
from benchmarks.contenders import Contender, Loop, loop_trials, server_trials, started
from benchmarks.load import Load
from benchmarks.processes import resident
from benchmarks.report import Baseline, Table, series_table
from benchmarks.rounds import Effort, Series

LOADS = (Load(1), Load(8), Load(32))
BATCH_ROWS = 64
_LIMITS = (contenders.ONE_THREAD, contenders.all_cores_name())
_QUICK = Effort(rounds=2, slice_s=0.5)
_GRPC = Effort(rounds=5, slice_s=1.0)


def measure(run: Run) -> Outcome:
    """The model server beside the limit and the two bare grpcio servers."""
    bench = run.bench
    infer, predict = (
        infer_call(bench.store, 1, bench.work),
        predict_call(bench.store, 1, bench.work),
    )
    infer_many = infer_call(bench.store, BATCH_ROWS, bench.work)
    predict_many = predict_call(bench.store, BATCH_ROWS, bench.work)
    with ExitStack() as stack:
        easel = stack.enter_context(started(bench, contenders.serve_command(bench), infer))
        commands = [contenders.bare_grpc_command(bench, kind) for kind in ("sync", "aio")]
        bare = [stack.enter_context(started(bench, command, infer)) for command in commands]
        loads = [
            (figures.EASEL_OIP, infer, infer_many, easel),
            (figures.EASEL_TFS, predict, predict_many, easel),
            (figures.BARE[0], infer, infer_many, bare[0]),
            (figures.BARE[1], infer, infer_many, bare[1]),
        ]
        trials = [
            *loop_trials(bench, figures.UNARY, Loop("tensor")),
            *loop_trials(bench, figures.BATCH, Loop("tensor", BATCH_ROWS)),
        ]
        for name, one, many, server in loads:
            contender = Contender(name, one, (server,))
            trials += server_trials(bench, figures.UNARY, contender, LOADS)
            contender = Contender(name, many, (server,))
            at = [figures.BATCH_LOAD]
            trials += server_trials(bench, figures.BATCH, contender, at, BATCH_ROWS)
        series = run.measure(trials, _GRPC, _QUICK)
        memory = {figures.SERVE: resident(easel)}
        found = figures.compute(series, memory, _LIMITS)
        return Outcome(series, tables(series), memory, figures=found)


def tables(series: Sequence[Series]) -> list[Table]:
    """One for each workload."""
    limits = [
        Baseline("of 1 thread", (_LIMITS[0],), is_loop=True),
        Baseline("of all cores", (_LIMITS[1],), is_loop=True),
    ]
    bare = [Baseline("x bare grpcio", figures.BARE), *limits]
    many = f"numbers over gRPC, {BATCH_ROWS} images a call"
    return [
        series_table("numbers over gRPC, one image a call", figures.UNARY, series, bare),
        series_table(many, figures.BATCH, series, bare),
    ]


COMPARISON = Comparison(
    program="python -m benchmarks",
    about=__doc__,
    results="bench.json",
    add_flags=no_flags,
    measure=measure,
)

if __name__ == "__main__":
    sys.exit(main(COMPARISON))
