"""Starts peers one after the other and keeps all but the measured one frozen."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.contenders import Bench, wait_until_ready
from benchmarks.load import Call, Load, Slice, measure
from benchmarks.peers import environments
from benchmarks.peers.apis import Api, to_call
from benchmarks.peers.catalogue import EASEL, GRPC, Peer
from benchmarks.peers.starting import Place
from benchmarks.processes import (
    BenchError,
    Service,
    free_port,
    freeze,
    raise_if_ended,
    running,
    thaw,
)
from benchmarks.rounds import Trial


@dataclass(frozen=True, slots=True)
class Started:
    """A peer that answers rightly; it is frozen while nobody asks it.

    Attributes:
        peer: Which.
        http: Where HTTP is spoken.
        grpc: Where gRPC is spoken; the same process.
    """

    peer: Peer
    http: Service
    grpc: Service

    def at(self, protocol: str) -> Service:
        """Where *protocol* is spoken."""
        return self.grpc if protocol == GRPC else self.http


@dataclass(frozen=True, slots=True)
class Work:
    """What is asked of everybody.

    Attributes:
        workload: Its name in the run.
        model: Which.
        rows: Images in a request.
        loads: By how many callers.
    """

    workload: str
    model: str
    rows: int
    loads: Sequence[Load]


@contextmanager
def started(bench: Bench, peer: Peer) -> Iterator[Started]:
    """Install and start *peer*, and wait until it has answered rightly.

    Raises:
        BenchError: It cannot be installed or started, or answers wrongly.
    """
    python = Path(sys.executable) if peer is EASEL else environments.ensure(peer.name)
    folder = bench.work / peer.name
    folder.mkdir()
    port = free_port()
    place = Place(python, folder, bench.store, port, free_port() if peer.has_grpc_port else port)
    command = peer.start(place)
    with running(command.name, command.words, port, bench.work, command.environment) as http:
        found = Started(peer, http, replace(http, address=f"127.0.0.1:{place.grpc_port}"))
        protocol, api = peer.best()
        for model in ("numbers", "mobilenet"):
            call = to_call(api, model, 1, bench.store, folder / "ready.bin")
            wait_until_ready(found.at(protocol), call)
        freeze(http)
        yield found


@contextmanager
def all_started(bench: Bench, peers: Sequence[Peer], notes: list[str]) -> Iterator[list[Started]]:
    """Ourselves and every peer that runs here; why another does not goes into *notes*."""
    found = []
    with ExitStack() as stack:
        for peer in (EASEL, *peers):
            print(f"  starting {peer.title}", file=sys.stderr, flush=True)
            try:
                found.append(stack.enter_context(started(bench, peer)))
            except BenchError as error:
                if peer is EASEL:
                    raise
                notes.append(f"{peer.title} was not measured: {error}")
        yield found


def trials(bench: Bench, one: Started, protocol: str, work: Work, notes: list[str]) -> list[Trial]:
    """Trials of one competitor; none, and a note, when it answers this wrongly or not at all."""
    api = one.peer.asked[protocol]
    call = _call(bench, one, api, work)
    service = one.at(protocol)
    try:
        with awake(service):
            call.verify(service.address)
    except BenchError as error:
        notes.append(f"{one.peer.title}: {work.workload} was not measured: {error}")
        return []

    def trial(load: Load) -> Trial:
        def take(seconds: float) -> Slice:
            raise_if_ended(service)
            with awake(service):
                return measure(call, (service,), load, seconds=seconds, work=bench.work)

        return Trial(work.workload, one.peer.title, load, work.rows, take)

    return [trial(load) for load in work.loads]


@contextmanager
def awake(service: Service) -> Iterator[None]:
    """Let it run until the block ends."""
    thaw(service)
    try:
        yield
    finally:
        freeze(service)


def _call(bench: Bench, one: Started, api: Api, work: Work) -> Call:
    name = f"{one.peer.name}-{work.workload}-{work.rows}".replace(" ", "-").replace(",", "")
    return to_call(api, work.model, work.rows, bench.store, bench.work / f"{name}.bin")
