"""Starts peers one after the other and keeps all but the measured one frozen."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import mkdtemp

from benchmarks.contenders import Bench, wait_until_ready
from benchmarks.load import Call, Load, Slice, measure
from benchmarks.peers import environments
from benchmarks.peers.apis import to_call
from benchmarks.peers.catalogue import EASEL, EASEL_IN_ONE, EASEL_TFS, GRPC, Peer
from benchmarks.peers.graphs import MODELS
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


class Host:
    """A peer's process: started, frozen while nobody asks it, started again when it dies.

    Attributes:
        peer: Which.
        http: Where HTTP is spoken.
        grpc: Where gRPC is spoken; the same process.
        deaths: How often it ended by itself, with the end of its log.
    """

    def __init__(self, bench: Bench, peer: Peer) -> None:
        self.peer = peer
        self.deaths: list[str] = []
        self._bench = bench
        self._stack = ExitStack()
        self.http: Service
        self.grpc: Service

    def start(self) -> None:
        """Install and start it, and wait until it has answered rightly for each model.

        Raises:
            BenchError: It cannot be installed or started, or answers wrongly.
        """
        python = Path(sys.executable) if self.peer.is_ours else environments.ensure(self.peer.name)
        folder = Path(mkdtemp(prefix=f"{self.peer.name}-", dir=self._bench.work))
        port = free_port()
        grpc_port = free_port() if self.peer.has_grpc_port else port
        command = self.peer.start(Place(python, folder, self._bench.store, port, grpc_port))
        self.http = self._stack.enter_context(
            running(command.name, command.words, port, self._bench.work, command.environment)
        )
        self.grpc = replace(self.http, address=f"127.0.0.1:{grpc_port}")
        for protocol, api in self.peer.asked.items():
            for model in MODELS if (protocol, api) == self.peer.best() else MODELS[:1]:
                call = to_call(api, model, 1, self._bench.store, folder / "ready.bin")
                wait_until_ready(self.at(protocol), call)
        freeze(self.http)

    def stop(self) -> None:
        """End it."""
        self._stack.close()

    def at(self, protocol: str) -> Service:
        """Where *protocol* is spoken."""
        return self.grpc if protocol == GRPC else self.http

    @contextmanager
    def awake(self, protocol: str) -> Iterator[Service]:
        """Let it run until the block ends; if it has died, in a new process."""
        try:
            raise_if_ended(self.http)
        except BenchError as error:
            self.deaths.append(str(error))
            self.stop()
            self.start()
        thaw(self.http)
        try:
            yield self.at(protocol)
        finally:
            freeze(self.http)


@contextmanager
def all_started(
    bench: Bench, peers: Sequence[Peer], notes: list[str]
) -> Iterator[list[tuple[Peer, Host]]]:
    """Ourselves and every peer that runs here; why another does not goes into *notes*."""
    found: list[tuple[Peer, Host]] = []
    with ExitStack() as stack:
        for peer in (EASEL, EASEL_IN_ONE, *peers):
            print(f"  starting {peer.title}", file=sys.stderr, flush=True)
            host = Host(bench, peer)
            stack.callback(host.stop)
            try:
                host.start()
            except BenchError as error:
                if peer.is_ours:
                    raise
                host.stop()
                notes.append(f"{peer.title} was not measured: {error}")
                continue
            found.append((peer, host))
            if peer is EASEL:
                found.append((EASEL_TFS, host))
        yield found
        notes += [
            f"{peer.title} died {len(host.deaths)} times and was started again: {host.deaths[0]}"
            for peer, host in found
            if host.deaths
        ]


def trials(
    bench: Bench, one: tuple[Peer, Host], protocol: str, work: Work, notes: list[str]
) -> list[Trial]:
    """Trials of one competitor; none, and a note, when it answers this wrongly or not at all."""
    peer, host = one
    call = _call(bench, peer, protocol, work)
    try:
        with host.awake(protocol) as service:
            call.verify(service.address)
    except BenchError as error:
        notes.append(f"{peer.title}: {work.workload} was not measured: {error}")
        return []

    def trial(load: Load) -> Trial:
        def once(seconds: float) -> Slice:
            with host.awake(protocol) as service:
                return measure(call, (service,), load, seconds=seconds, work=bench.work)

        def take(seconds: float) -> Slice:
            before = len(host.deaths)
            try:
                return once(seconds)
            except BenchError:
                # Did it die of the load, or answer wrongly?  A second time decides.
                found = once(seconds)
                if len(host.deaths) == before:
                    raise
                return found

        return Trial(work.workload, peer.title, load, work.rows, take)

    return [trial(load) for load in work.loads]


def _call(bench: Bench, peer: Peer, protocol: str, work: Work) -> Call:
    name = f"{peer.name}-{protocol}-{work.model}-{work.rows}".replace(", ", "-")
    file = bench.work / f"{name}.bin"
    return to_call(peer.asked[protocol], work.model, work.rows, bench.store, file)
