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
        _wait_until_ready(service, call)
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


def loop_trials(bench: Bench, workload: str, what: str, rows: int = 1) -> list[Trial]:
    """The limit on one thread, and on as many as there are cores."""

    def trial(name: str, threads: int) -> Trial:
        def take(seconds: float) -> Slice:
            return _loop(bench, what, rows, threads, seconds)

        return Trial(workload, name, NO_CALLERS, rows, take)

    return [trial(ONE_THREAD, 1), trial(all_cores_name(), os.cpu_count() or 1)]


def all_cores_name() -> str:
    """The other limit's name; it says how many threads that is."""
    return f"in-process limit, {os.cpu_count()} threads"


def _loop(bench: Bench, what: str, rows: int, threads: int, seconds: float) -> Slice:
    words = python(
        "-m", "benchmarks.peers.in_process", "--store", str(bench.store), "--work", what,
        "--rows", str(rows), "--threads", str(threads), "--seconds", str(seconds),
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


def _wait_until_ready(service: Service, call: Call) -> None:
    end = time.monotonic() + _READY_S
    while True:
        raise_if_ended(service)
        try:
            call.verify(service.address)
            return
        except NoAnswer as error:  # a server that loads its model, an adapter without it
            if time.monotonic() > end:
                raise BenchError(
                    f"{service.name} was not ready in time: {error}\n{log_tail(service)}"
                ) from error
        time.sleep(_POLL_S)
