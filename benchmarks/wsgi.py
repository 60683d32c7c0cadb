"""``python -m benchmarks.wsgi``: the adapter's application under several WSGI servers.

Decides which server and which settings ``easel adapter`` uses.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from importlib.util import find_spec

from benchmarks import contenders
from benchmarks.calls import drawing_call, infer_call
from benchmarks.command import Comparison, Outcome, Run, main, no_flags
from benchmarks.contenders import Bench, Command, Contender, server_trials, started
from benchmarks.load import Load
from benchmarks.processes import Service, python, resident
from benchmarks.report import Baseline, Table, series_table
from benchmarks.rounds import Effort, Series

_LOADS = (Load(1), Load(8), Load(32))
_APP = "adapter.wsgi:app"
# Processes and threads of each.
_GRANIAN = ((1, 4), (1, 16), (2, 2), (2, 4), (2, 16))
_GTHREAD = ((1, 8), (2, 4))
_OURS = "easel adapter, as it is"


def commands(bench: Bench, server: Service) -> list[Command]:
    """Every candidate, in front of the same model server; ours first."""
    variables = {
        "EASEL_ADAPTER_MODEL_SERVER": server.address,
        "EASEL_ADAPTER_STORE": str(bench.store),
    }
    granian = [
        Command(f"granian {workers}x{threads}", python(
            "-m", "granian", "--interface", "wsgi", "--port", "{port}", "--no-access-log",
            "--workers", str(workers), "--blocking-threads", str(threads), _APP,
        ), variables)
        for workers, threads in _GRANIAN
    ]  # fmt: skip
    gthread = [
        Command(f"gunicorn gthread {workers}x{threads}", python(
            "-m", "gunicorn", "--worker-class", "gthread", "--bind", "127.0.0.1:{port}",
            "--workers", str(workers), "--threads", str(threads), _APP,
        ), variables)
        for workers, threads in _GTHREAD
    ]  # fmt: skip
    ours = replace(contenders.adapter_command(bench, server), name=_OURS)
    return [ours, *granian, *gthread]


def measure(run: Run) -> Outcome:
    """All candidates in turn."""
    bench = run.bench
    drawing, infer = drawing_call(bench.store, bench.work), infer_call(bench.store, 1, bench.work)
    notes: list[str] = []
    with ExitStack() as stack:
        server = stack.enter_context(started(bench, contenders.serve_command(bench), infer))
        candidates: list[Contender] = []
        for command in commands(bench, server):
            if find_spec(command.words[2].partition(".")[0]) is None:
                notes.append(f"{command.name}: skipped, {command.words[2]} is not installed")
                continue
            service = stack.enter_context(started(bench, command, drawing))
            candidates.append(Contender(command.name, drawing, (service, server)))
        trials = [
            trial
            for candidate in candidates
            for trial in server_trials(bench, "wsgi", candidate, _LOADS)
        ]
        series = run.measure(trials, Effort(5, 1.2), Effort(2, 0.5))
        return Outcome(
            series,
            tables(series),
            {each.name: resident(each.services[0]) for each in candidates},
            notes,
        )


def tables(series: Sequence[Series]) -> list[Table]:
    """All in one."""
    title = "the adapter's application, a drawing over HTTP; processes x threads"
    return [series_table(title, "wsgi", series, [Baseline("x ours", (_OURS,))])]


COMPARISON = Comparison(
    program="python -m benchmarks.wsgi",
    about=__doc__,
    results="bench-wsgi.json",
    add_flags=no_flags,
    measure=measure,
)

if __name__ == "__main__":
    sys.exit(main(COMPARISON))
