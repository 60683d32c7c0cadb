"""``python -m benchmarks.peers``: Easel beside the model servers that others would use.

Each peer runs in an environment of its own, which is made when it is missing; one that
cannot be installed or started here is left out, and the report says why.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.command import Comparison, Outcome, Run, main, tell
from benchmarks.contenders import Bench, Loop, loop_trial, loop_trials
from benchmarks.load import Load
from benchmarks.peers import mobilenet, targets
from benchmarks.peers.catalogue import EASEL_TFS, PEERS, Peer
from benchmarks.peers.running import Host, Work, all_started, trials
from benchmarks.processes import ROOT, BenchError, resident
from benchmarks.report import Table
from benchmarks.rounds import Effort, Trial
from model_store.store import Store

_EFFORT, _QUICK = Effort(5, 0.8), Effort(3, 0.5)
_LOADS = (Load(1), Load(8), Load(32))


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Whom to compare with, and by what."""
    names = ",".join(peer.name for peer in PEERS)
    parser.add_argument("--only", default=names, metavar="NAMES", help=f"some of {names}")
    parser.add_argument(
        "--work", default=",".join(targets.SHORT), metavar="NAMES",
        help=f"some of {','.join(targets.SHORT)}",
    )  # fmt: skip


def measure(run: Run) -> Outcome:
    """Everybody under every load that they take, in turn."""
    peers = chosen(run.flags.only)
    bench = Bench(store_of_both(run.bench.store), run.bench.work)
    notes: list[str] = []
    with all_started(bench, peers, notes) as found:
        todo = [
            trial
            for name in run.flags.work.split(",")
            for trial in _trials(bench, found, targets.SHORT[name], notes)
        ]
        series = run.measure(todo, _EFFORT, _QUICK)
        memory = {peer.title: resident(host.http) for peer, host in found if peer is not EASEL_TFS}
    asked = [peer for peer, _ in found]
    tables: list[Table] = targets.tables(series, asked, memory)
    return Outcome(series, tables, memory, notes, targets.compute(series, asked))


def chosen(names: str) -> list[Peer]:
    """Peers by their names.

    Raises:
        BenchError: One has no such name.
    """
    wanted = [name for name in names.split(",") if name]
    if unknown := set(wanted) - {peer.name for peer in PEERS}:
        raise BenchError(f"no such peer: {', '.join(sorted(unknown))}")
    return [peer for peer in PEERS if peer.name in wanted]


def store_of_both(bundled: Path) -> Path:
    """A store with the bundled model's newest version and the larger one."""
    store = ROOT / "build" / "peers" / "models"
    version = str(Store(bundled).versions("numbers")[-1])
    shutil.rmtree(store / "numbers", ignore_errors=True)
    shutil.copytree(bundled / "numbers" / version, store / "numbers" / version)
    tell("making mobilenet, unless it is there")
    mobilenet.ensure(store, sys.executable)
    return store


def _trials(
    bench: Bench,
    found: Sequence[tuple[Peer, Host]],
    workload: targets.Workload,
    notes: list[str],
) -> list[Trial]:
    loads = [Load(callers) for callers in workload.callers]
    work = Work(workload.name, workload.model, workload.rows, loads)
    todo: list[Trial] = _limits(bench, workload)
    for peer, host in found:
        if workload.protocol is None and peer is EASEL_TFS:
            continue  # how the call is written matters little there
        protocol = workload.protocol or peer.best()[0]
        if protocol in peer.asked:
            todo += trials(bench, (peer, host), protocol, work, notes)
    return todo


def _limits(bench: Bench, workload: targets.Workload) -> list[Trial]:
    if not workload.has_limit:
        return []
    loop = Loop("tensor", workload.rows, workload.model)
    both = loop_trials(bench, workload.name, loop)
    if workload.model == mobilenet.NAME:
        both.append(loop_trial(bench, workload.name, targets.WIDE, loop, (1, 2)))
    return both


COMPARISON = Comparison(
    program="python -m benchmarks.peers",
    about=__doc__,
    results="bench-peers.json",
    add_flags=add_flags,
    measure=measure,
    may_fail=True,
)

if __name__ == "__main__":
    sys.exit(main(COMPARISON))
