"""``python -m benchmarks.overload``: what is left of the throughput when too much is asked.

First the most that callers get who wait for their answers; then calls at fixed rates around
that, whether answered or not.  Goodput is what was answered with scores.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks import contenders
from benchmarks.calls import infer_call
from benchmarks.command import Comparison, Outcome, Run, main, no_flags, tell
from benchmarks.contenders import started
from benchmarks.load import Call, Load, measure, percentiles_ms
from benchmarks.processes import BenchError, Service, resident
from benchmarks.report import Table

ROWS = (64, 1)
PEAK_LOADS = (Load(8), Load(32))
FACTORS = (0.5, 1.0, 1.5, 2.0)
CONNECTIONS, STREAMS = 8, 100
_COUNTS = re.compile(r"requests: .* (\d+) done, (\d+) succeeded")
_DATA = re.compile(r"\((\d+)\) data$", re.MULTILINE)
_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Flood:
    """What became of calls that were sent at a fixed rate.

    Attributes:
        offered: Calls a second that were to be sent.
        answered: Answers with scores, a second.
        refused: Refusals a second.
        p50_ms: Median time to an answer of either kind.
        p99_ms: The 99th percentile.
    """

    offered: float
    answered: float
    refused: float
    p50_ms: float
    p99_ms: float


def measure_all(run: Run) -> Outcome:
    """A table for each size of call."""
    # Long beside the time to the first answers, which come late when hundreds begin at once.
    seconds, rounds = (3.0, 1) if run.flags.quick else (4.0, 3)
    tables = []
    for rows in ROWS:
        call = infer_call(run.bench.store, rows, run.bench.work)
        command = contenders.serve_command(run.bench)
        with started(run.bench, command, call) as server:
            tables.append(_table(run, call, server, rows=rows, seconds=seconds, rounds=rounds))
            memory = {"easel serve": resident(server)}
    return Outcome([], tables, memory)


def _table(
    run: Run, call: Call, server: Service, *, rows: int, seconds: float, rounds: int
) -> Table:
    found = []
    for _ in range(rounds):
        # The peak of the same moment: a busy machine lowers both.
        peak = max(
            measure(call, (server,), load, seconds=seconds, work=run.bench.work).rate
            for load in PEAK_LOADS
        )
        for factor in FACTORS:
            one = flood(run, call, server, factor * peak, seconds=seconds)
            tell(f"{rows} rows, {factor:g} x {peak:,.0f}: {one}")
            found.append((factor, one.answered / peak, one))
    lines = [_line(factor, found) for factor in FACTORS]
    title = f"more than can be answered, {rows} images a call"
    heads = ("of the peak, sent", "sent/s", "answered/s", "refused/s", "of the peak, answered", "p50 ms", "p99 ms")  # fmt: skip
    return Table(title, heads, tuple(lines))


def _line(factor: float, found: Sequence[tuple[float, float, Flood]]) -> tuple[str, ...]:
    """The round that is in the middle by its share."""
    ordered = sorted((each for each in found if each[0] == factor), key=lambda each: each[1])
    _, share, one = ordered[len(ordered) // 2]
    return (
        f"{factor:g}", f"{one.offered:,.0f}", f"{one.answered:,.0f}", f"{one.refused:,.0f}",
        f"{share:.2f}", f"{one.p50_ms:.1f}", f"{one.p99_ms:.1f}",
    )  # fmt: skip


def flood(run: Run, call: Call, server: Service, rate: float, *, seconds: float) -> Flood:
    """Send calls at a fixed *rate*, as long as there is a stream to send them on.

    Raises:
        BenchError: The client did not finish.
    """
    answer_bytes = call.verify(server.address)
    log = run.bench.work / "flood.tsv"
    log.unlink(missing_ok=True)
    each = max(1, round(rate / CONNECTIONS))
    command = [
        "h2load", "-c", str(CONNECTIONS), "-m", str(STREAMS), "--rps", str(each),
        "-D", f"{round(seconds * 1e3)}ms", "-d", str(call.body),
        *(part for header in call.headers for part in ("-H", header)),
        "--log-file", str(log), f"http://{server.address}{call.path}",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    counts, data = _COUNTS.search(done.stdout), _DATA.search(done.stdout)
    if counts is None or data is None:
        raise BenchError(f"h2load did not finish:\n{done.stdout[-600:]}")
    answered = int(data[1]) / answer_bytes / seconds
    times_us = [float(line.split("\t")[2]) for line in log.read_text().splitlines()]
    p50_ms, p99_ms = percentiles_ms(times_us)
    refused = int(counts[1]) / seconds - answered
    return Flood(each * CONNECTIONS, answered, refused, p50_ms, p99_ms)


COMPARISON = Comparison(
    program="python -m benchmarks.overload",
    about=__doc__,
    results="overload.json",
    add_flags=no_flags,
    measure=measure_all,
)

if __name__ == "__main__":
    sys.exit(main(COMPARISON))
