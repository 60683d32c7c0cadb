"""How each competitor is started, and its trials."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import inputs
from benchmarks.load import Call, Clocks, Load, NoAnswer, Slice, measure
from benchmarks.processes import (
    ROOT,
    BenchError,
    Service,
    free_port,
    log_tail,
    python,
    raise_if_ended,
    running,
)
from benchmarks.rounds import Trial

NO_CALLERS = Load(0)
ONE_THREAD = "in-process limit, 1 thread"
# A process that still loads its models is not met by so many connections with one chance in 4,096.
_RIGHT_ANSWERS = 12
_READY_S = 120.0  # TensorFlow on a busy machine
_POLL_S = 0.1
_LOOP_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Bench:
    """What a whole run has in common.

    Attributes:
        store: The model store.
        work: Folder for bodies and logs.
    """

    store: Path
    work: Path


@dataclass(frozen=True, slots=True)
class Contender:
    """A server that has been started, and how it is loaded.

    Attributes:
        name: In the tables.
        call: What it is sent.
        services: Whose processor time counts; the first is called.
    """

    name: str
    call: Call
    services: tuple[Service, ...]


@dataclass(frozen=True, slots=True)
class Command:
    """How a competitor is started.

    Attributes:
        name: For people, and its log's name.
        words: The command; ``{port}`` stands for the port that was found for it.
        environment: Variables beside ours.
    """

    name: str
    words: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


def serve_command(bench: Bench) -> Command:
    """``easel serve`` as it is."""
    words = python(
        "-m", "easel.cli", "serve", "--store", str(bench.store),
        "--port", "{port}", "--rest_api_port", "0",
    )  # fmt: skip
    return Command("easel-serve", words)


def adapter_command(bench: Bench, server: Service) -> Command:
    """``easel adapter`` as it is, in front of *server*."""
    words = python(
        "-m", "easel.cli", "adapter", "--store", str(bench.store), "--port", "{port}",
        "--model_server", server.address,
    )  # fmt: skip
    return Command("easel-adapter", words)


def bare_grpc_command(bench: Bench, kind: str) -> Command:
    """The plain grpcio server; *kind* is ``sync`` or ``aio``."""
    words = python(
        "-m", "benchmarks.peers.bare_grpc",
        "--kind", kind, "--store", str(bench.store), "--port", "{port}",
    )  # fmt: skip
    return Command(f"bare-grpc-{kind}", words)


@contextmanager
def started(bench: Bench, command: Command, call: Call) -> Iterator[Service]:
    """Run *command* until the block ends; entered when *call* is answered rightly.

    Raises:
        BenchError: It ends by itself, is not ready in time, or answers wrongly.
    """
    port = free_port()
    words = [word.replace("{port}", str(port)) for word in command.words]
    with running(command.name, words, port, bench.work, command.environment) as service:
        wait_until_ready(service, call)
        yield service


def server_trials(
    bench: Bench,
    workload: str,
    contender: Contender,
    loads: Sequence[Load],
    rows: int = 1,
) -> list[Trial]:
    """Trials of a server under each load."""

    def trial(load: Load) -> Trial:
        def take(seconds: float) -> Slice:
            for service in contender.services:
                raise_if_ended(service)
            return measure(
                contender.call, contender.services, load, seconds=seconds, work=bench.work
            )

        return Trial(workload, contender.name, load, rows, take)

    return [trial(load) for load in loads]


@dataclass(frozen=True, slots=True)
class Loop:
    """Work for the in-process limit.

    Attributes:
        what: ``tensor``, ``drawing`` or ``drawing-easel``.
        rows: Images in one run.
        model: Which graph.
        processes: How many do it at the same time.
    """

    what: str
    rows: int = 1
    model: str = inputs.MODEL
    processes: int = 1


def loop_trials(bench: Bench, workload: str, loop: Loop) -> list[Trial]:
    """The limit on one thread, and on as many as there are cores."""
    each_own = (1, 1), (os.cpu_count() or 1, 1)
    names = ONE_THREAD, all_cores_name()
    return [
        loop_trial(bench, workload, name, loop, threads)
        for name, threads in zip(names, each_own, strict=True)
    ]


def loop_trial(
    bench: Bench, workload: str, name: str, loop: Loop, threads: tuple[int, int]
) -> Trial:
    """A limit; *threads* are those that call, and those of the session (intra-op)."""

    def take(seconds: float) -> Slice:
        return _loop(bench, loop, threads, seconds)

    return Trial(workload, name, NO_CALLERS, loop.rows, take)


def all_cores_name() -> str:
    """The other limit's name; it says how many threads that is."""
    return f"in-process limit, {os.cpu_count()} threads"


def _loop(bench: Bench, loop: Loop, threads: tuple[int, int], seconds: float) -> Slice:
    callers, intra_op = threads
    words = python(
        "-m", "benchmarks.peers.in_process", "--store", str(bench.store), "--work", loop.what,
        "--model", loop.model, "--rows", str(loop.rows), "--threads", str(callers),
        "--intra-op-threads", str(intra_op), "--processes", str(loop.processes),
        "--seconds", str(seconds),
    )  # fmt: skip
    before = Clocks.now(())
    result = subprocess.run(
        words, cwd=ROOT, capture_output=True, text=True, check=False,
        timeout=seconds + _LOOP_TIMEOUT_S,
    )  # fmt: skip
    if result.returncode:
        raise BenchError(f"the in-process loop failed: {result.stderr[-400:]}")
    foreign = Clocks.now(()).since(before).foreign
    return Slice(**json.loads(result.stdout), client_cpu_us=0.0, foreign=foreign)


def wait_until_ready(service: Service, call: Call) -> None:
    """Return when *call* is answered rightly, many times: each of several processes may answer.

    Raises:
        BenchError: The service ended, is not ready in time, or answers wrongly.
    """
    end = time.monotonic() + _READY_S
    while True:
        raise_if_ended(service)
        try:
            for _ in range(_RIGHT_ANSWERS):
                call.verify(service.address)
            return
        except NoAnswer as error:  # a server that loads its model, an adapter without it
            if time.monotonic() > end:
                raise BenchError(
                    f"{service.name} was not ready in time: {error}\n{log_tail(service)}"
                ) from error
        time.sleep(_POLL_S)
