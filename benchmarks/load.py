"""Loads one server with h2load and says what came of it.

h2load (Debian: nghttp2-client) is a C program that speaks HTTP/1.1 and HTTP/2.  A unary
gRPC call is a POST with a framed body, so one client loads every competitor alike and
takes little of the processors that client and servers share.
"""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import BenchError, Service, busy_s, cpu_s, wait_until_idle

_COUNTS = re.compile(
    r"requests: .* (\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout"
)
_STATUSES = re.compile(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx")
_DATA = re.compile(r"\((\d+)\) data$", re.MULTILINE)
_TIMEOUT_S = 60.0
_DRAIN_S = 10.0


@dataclass(frozen=True, slots=True)
class Call:
    """The very bytes that a server is loaded with, and how to know the answer is right.

    Attributes:
        path: Of the URL.
        body: A file with the request's body; for gRPC with the five bytes before it.
        headers: As ``name:value``.
        is_grpc: Over HTTP/2 with gRPC's rules; otherwise HTTP/1.1.
        verify: Sends these bytes to an address with an ordinary client and returns the
            answer's length in bytes as it is on the wire; raises NoAnswer or WrongAnswer.
    """

    path: str
    body: Path
    headers: tuple[str, ...]
    is_grpc: bool
    verify: Callable[[str], int]


@dataclass(frozen=True, slots=True)
class Load:
    """How many callers there are, each with one request at a time.

    Attributes:
        callers: How many; 0 for a loop in one process, which has none.
        is_shared: Whether they share one HTTP/2 connection, as the threads of one client
            do, or have one each, as many clients do.
    """

    callers: int
    is_shared: bool = False

    def __str__(self) -> str:
        if not self.callers:
            return "-"
        return f"{self.callers} on 1" if self.is_shared else str(self.callers)


@dataclass(frozen=True, slots=True)
class Slice:
    """What one competitor did in one short time.

    Attributes:
        requests: Answered in this time.
        seconds: How long it was.
        p50_ms: Median of the requests' times.
        p99_ms: Their 99th percentile.
        server_cpu_us: Processor time of the service's processes, per request.
        client_cpu_us: That of the client, per request.
        foreign: Share of the machine's processors that other programs took meanwhile.
    """

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    server_cpu_us: float
    client_cpu_us: float
    foreign: float

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds


class NoAnswer(BenchError):
    """Nobody answers, or not yet, or with a failure."""


class WrongAnswer(BenchError):
    """A server's answer is not the right one, so its speed means nothing."""


def require_h2load() -> None:
    """Raise when the client is not installed.

    Raises:
        BenchError: It is not.
    """
    if shutil.which("h2load") is None:
        raise BenchError("h2load is not installed; on Debian: apt install nghttp2-client")


def measure(
    call: Call, services: Sequence[Service], load: Load, *, seconds: float, work: Path
) -> Slice:
    """Load the first of *services* with *call* for some seconds.

    The answer is verified before, and afterwards that all the others were as long.

    Args:
        call: What to send.
        services: Whose processor time counts; the first is called.
        load: By how many callers.
        seconds: How long.
        work: Folder for the client's log.

    Raises:
        BenchError: Something else than right answers came.
    """
    answer_bytes = call.verify(services[0].address)
    wait_until_idle(services, at_most_s=_DRAIN_S)
    log = work / "h2load.tsv"
    log.unlink(missing_ok=True)  # h2load appends
    command = _command(call, services[0].address, load, seconds, log)
    before = Clocks.now(services)
    try:
        process = subprocess.run(
            command, capture_output=True, text=True, timeout=seconds + _TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise BenchError("h2load did not come back") from error
    spent = Clocks.now(services).since(before)
    requests = _check(process.stdout, call, answer_bytes)
    p50_ms, p99_ms = percentiles_ms(_times_us(log))
    wait_until_idle(services, at_most_s=_DRAIN_S)
    return Slice(
        requests, seconds, p50_ms, p99_ms,
        server_cpu_us=1e6 * spent.servers_s / requests,
        client_cpu_us=1e6 * spent.client_s / requests,
        foreign=spent.foreign,
    )  # fmt: skip


def percentiles_ms(times_us: Sequence[float]) -> tuple[float, float]:
    """Median and 99th percentile, by nearest rank, in milliseconds."""
    ordered = sorted(times_us)
    last = len(ordered) - 1
    return ordered[last // 2] / 1e3, ordered[round(last * 0.99)] / 1e3


def _command(call: Call, address: str, load: Load, seconds: float, log: Path) -> list[str]:
    protocol = [] if call.is_grpc else ["--h1"]
    connections, streams = (1, load.callers) if load.is_shared else (load.callers, 1)
    headers = [part for header in call.headers for part in ("-H", header)]
    return [
        "h2load", *protocol, "-c", str(connections), "-m", str(streams),
        "-D", f"{round(seconds * 1e3)}ms", "-d", str(call.body), *headers,
        "--log-file", str(log), f"http://{address}{call.path}",
    ]  # fmt: skip


def _check(report: str, call: Call, answer_bytes: int) -> int:
    """How many requests were answered; h2load itself takes any 200 for a success."""
    counts, data, seen = (each.search(report) for each in (_COUNTS, _DATA, _STATUSES))
    if counts is None or data is None or seen is None:
        raise BenchError(f"h2load did not finish:\n{report[-600:]}")
    done, succeeded, failed, *bad = map(int, counts.groups())
    # A status line without a phrase, as TorchServe writes it, is none to h2load; such
    # answers are known by their length, for failures have another.
    is_wordless = not any(map(int, seen.groups())) and failed == done
    if done == 0 or any(bad) or (succeeded != done and not is_wordless):
        raise BenchError(f"h2load: {counts[0]}")
    # A gRPC failure is a 200 without a message.  JSON has numbers of various lengths, and
    # the client may leave in the middle of some answers.
    mean = int(data[1]) / done
    is_long = is_wordless and mean > 1.5 * answer_bytes
    if is_long or mean < answer_bytes * (1 if call.is_grpc else 0.9):
        raise WrongAnswer(f"answers have {mean:.0f} bytes in the mean, not {answer_bytes}")
    return done


def _times_us(log: Path) -> list[float]:
    """Third column of h2load's log: microseconds of each request."""
    return [float(line.split("\t")[2]) for line in log.read_text().splitlines()]


@dataclass(frozen=True, slots=True)
class Spent:
    """Processor seconds, and the share of all processors that others took."""

    servers_s: float
    client_s: float
    foreign: float


@dataclass(frozen=True, slots=True)
class Clocks:
    """Every clock at one moment, in seconds."""

    wall: float
    servers: float
    client: float
    own: float
    machine: float

    @classmethod
    def now(cls, services: Sequence[Service]) -> Clocks:
        """Read them; *services* are those that are being measured."""
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)  # h2load, once it is waited for
        return cls(
            time.monotonic(),
            cpu_s(services),
            ended.ru_utime + ended.ru_stime,
            time.process_time(),
            busy_s(),
        )

    def since(self, before: Clocks) -> Spent:
        """What was spent between *before* and this moment."""
        servers, client = self.servers - before.servers, self.client - before.client
        others = self.machine - before.machine - servers - client - (self.own - before.own)
        available = (self.wall - before.wall) * (os.cpu_count() or 1)
        return Spent(servers, client, max(others / available, 0.0))
