"""``python -m benchmarks.transports``: the server's ASGI application under several servers.

Decides which ASGI server ``easel serve`` uses.  What breaks is reported, not hidden.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from importlib.util import find_spec

from benchmarks import contenders
from benchmarks.calls import infer_call
from benchmarks.command import Comparison, Outcome, Run, main, no_flags
from benchmarks.contenders import Bench, Command, Contender, server_trials, started
from benchmarks.faults import Faults, look
from benchmarks.figures import BARE
from benchmarks.inputs import STORE_VARIABLE
from benchmarks.load import Load
from benchmarks.processes import BenchError, python, resident
from benchmarks.report import Baseline, Table, series_table
from benchmarks.rounds import Effort, Series

# A gRPC client shares one connection among its threads; many clients have one each.
_LOADS = (Load(1), Load(8), Load(32), Load(8, is_shared=True), Load(32, is_shared=True))
_APP = "benchmarks.peers.asgi_app:app"
_OURS = "easel serve"
_FAULTS_S = 3.0


def peers(bench: Bench) -> list[tuple[Command, str]]:
    """The other ASGI servers, each with a package it cannot do without."""
    h2corn = python("-m", "h2corn", "--grpc", "--bind", "127.0.0.1:{port}", "--no-access-log", _APP)
    variables = {STORE_VARIABLE: str(bench.store)}
    pyvoy = python(
        "-c", "from pyvoy._cli import main; main()", "--port", "{port}", "--loop", "uvloop", "--log-level", "error", _APP
    )  # fmt: skip
    hypercorn = python(
        "-m", "hypercorn", "--bind", "127.0.0.1:{port}", "--worker-class", "uvloop", _APP
    )  # fmt: skip
    uvicorn = python(
        "-m", "uvicorn", "--port", "{port}", "--http", "zttp", "--http2", "--loop", "uvloop",
        "--no-access-log", _APP,
    )  # fmt: skip
    return [
        (Command("h2corn", h2corn, variables), "h2corn"),
        (Command("pyvoy", pyvoy, variables), "pyvoy"),
        (Command("hypercorn, h2", hypercorn, variables), "hypercorn"),
        (Command("uvicorn, zttp", uvicorn, variables), "zttp"),
    ]


def measure(run: Run) -> Outcome:
    """Ours, those peers that start at all, and bare grpcio."""
    bench = run.bench
    call = infer_call(bench.store, 1, bench.work)
    notes: list[str] = []
    candidates: list[Contender] = []
    with ExitStack() as stack:
        ours = stack.enter_context(started(bench, contenders.serve_command(bench), call))
        candidates.append(Contender(_OURS, call, (ours,)))
        for command, package in peers(bench):
            if find_spec(package) is None:
                notes.append(f"{command.name}: skipped, {package} is not installed")
                continue
            try:
                service = stack.enter_context(started(bench, command, call))
                candidates.append(Contender(command.name, call, (service,)))
            except BenchError as error:
                notes.append(f"{command.name}: {error}")
        for name, kind in zip(BARE, ("sync", "aio"), strict=True):
            command = contenders.bare_grpc_command(bench, kind)
            service = stack.enter_context(started(bench, command, call))
            candidates.append(Contender(name, call, (service,)))
        trials = [
            trial
            for candidate in candidates
            for trial in server_trials(bench, "transports", candidate, _LOADS)
        ]
        series = run.measure(trials, Effort(5, 1.0), Effort(2, 0.5))
        memory = {each.name: resident(each.services[0]) for each in candidates}
        found = {
            each.name: look(each.services[0].address, bench.store, seconds=_FAULTS_S)
            for each in candidates
            if each.name not in BARE
        }
        return Outcome(series, [*tables(series), faults_table(found)], memory, notes)


def tables(series: Sequence[Series]) -> list[Table]:
    """All in one."""
    title = "the same ASGI application, ModelInfer with one image"
    baselines = [Baseline("x bare grpcio", BARE), Baseline("x ours", (_OURS,))]
    return [series_table(title, "transports", series, baselines)]


def faults_table(found: Mapping[str, Faults]) -> Table:
    """Who breaks under grpcio's own client."""
    rows = tuple(
        (
            name,
            f"{faults.answers:,}",
            ", ".join(f"{count} {status}" for status, count in faults.failures.items()) or "0",
            faults.refusal,
        )
        for name, faults in found.items()
    )
    title = "grpcio's client: 32 threads on one channel, then 1.6 MB for an unknown model"
    return Table(title, ("competitor", "answered", "failed", "status of the refusal"), rows)


COMPARISON = Comparison(
    program="python -m benchmarks.transports",
    about=__doc__,
    results="bench-transports.json",
    add_flags=no_flags,
    measure=measure,
    may_fail=True,
)

if __name__ == "__main__":
    sys.exit(main(COMPARISON))
