"""``python -m benchmarks``: the main comparison, with the figures to reach."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import ExitStack

from benchmarks import contenders, figures, old_way
from benchmarks.calls import drawing_call, infer_call, predict_call
from benchmarks.command import Comparison, Outcome, Run, main
from benchmarks.contenders import Contender, Loop, loop_trials, server_trials, started
from benchmarks.load import Load
from benchmarks.processes import BenchError, resident
from benchmarks.report import Baseline, Table, series_table
from benchmarks.rounds import Effort, Series

LOADS = (Load(1), Load(8), Load(32))
BATCH_ROWS = 64
_LIMITS = (contenders.ONE_THREAD, contenders.all_cores_name())
_QUICK = Effort(rounds=2, slice_s=0.5)
_GRPC = Effort(rounds=5, slice_s=1.0)
_HTTP = Effort(rounds=5, slice_s=1.5)


def measure_grpc(run: Run) -> Outcome:
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
        return Outcome(series, [], {figures.SERVE: resident(easel)})


def measure_http(run: Run) -> Outcome:
    """The adapter with its server beside the limit and the old way."""
    bench = run.bench
    drawing, infer = drawing_call(bench.store, bench.work), infer_call(bench.store, 1, bench.work)
    notes: list[str] = []
    with ExitStack() as stack:
        server = stack.enter_context(started(bench, contenders.serve_command(bench), infer))
        command = contenders.adapter_command(bench, server)
        adapter = stack.enter_context(started(bench, command, drawing))
        candidates = [Contender(figures.EASEL_ADAPTER, drawing, (adapter, server))]
        try:
            old = stack.enter_context(started(bench, old_way.command(bench, run.flags), drawing))
            candidates.append(Contender(figures.OLD_WAY, drawing, (old,)))
        except BenchError as error:
            notes.append(f"the old way was not measured: {error}")
        trials = loop_trials(bench, figures.DRAWING, Loop("drawing"))
        for candidate in candidates:
            trials += server_trials(bench, figures.DRAWING, candidate, LOADS)
        series = run.measure(trials, _HTTP, _QUICK)
        memory = {each.name: resident(each.services[0]) for each in candidates}
        memory[figures.ADAPTER] = memory.pop(figures.EASEL_ADAPTER)
        return Outcome(series, [], memory, notes)


def measure(run: Run) -> Outcome:
    """Both halves, one after the other."""
    grpc, http = measure_grpc(run), measure_http(run)
    series = [*grpc.series, *http.series]
    memory = {**grpc.memory, **http.memory}
    found = figures.compute(series, memory, _LIMITS)
    return Outcome(series, tables(series), memory, http.notes, found)


def tables(series: Sequence[Series]) -> list[Table]:
    """One for each workload."""
    limits = [
        Baseline("of 1 thread", (_LIMITS[0],), is_loop=True),
        Baseline("of all cores", (_LIMITS[1],), is_loop=True),
    ]
    bare = [Baseline("x bare grpcio", figures.BARE), *limits]
    old = [Baseline("x old way", (figures.OLD_WAY,)), *limits]
    many = f"numbers over gRPC, {BATCH_ROWS} images a call"
    return [
        series_table("numbers over gRPC, one image a call", figures.UNARY, series, bare),
        series_table(many, figures.BATCH, series, bare),
        series_table("a drawing over HTTP, 280x280 PNG", figures.DRAWING, series, old),
    ]


COMPARISON = Comparison(
    program="python -m benchmarks",
    about=__doc__,
    results="bench.json",
    add_flags=old_way.add_flags,
    measure=measure,
)

if __name__ == "__main__":
    sys.exit(main(COMPARISON))
