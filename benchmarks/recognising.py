"""Who recognises drawings over HTTP: Easel, the peers, the old way; started, then frozen."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import mkdtemp

from benchmarks import old_way
from benchmarks.canvas_client import closed_loop, to_request
from benchmarks.command import tell
from benchmarks.contenders import Bench, Command
from benchmarks.drawings import Drawing
from benchmarks.load import NoAnswer
from benchmarks.peers import environments, starting
from benchmarks.peers.starting import Place
from benchmarks.processes import (
    BenchError,
    Service,
    free_port,
    freeze,
    log_tail,
    python,
    raise_if_ended,
    running,
    thaw,
    wait_until,
)

EASEL = "easel up"
OLD_WAY = "old way: Flask + model.predict"
_READY_S = 180.0
_DRAWINGS = "drawings.py"


@dataclass(frozen=True, slots=True)
class Entrant:
    """One competitor, with the route ``/api/MODEL``.

    Attributes:
        name: On the command line; of its folder in ``peers``, and of its environment.
        title: In the tables.
        start: Makes its command.
        callers: How many at a time it is measured with.
    """

    name: str
    title: str
    start: Callable[[Bench, argparse.Namespace, int], Command]
    callers: tuple[int, ...] = (1, 8, 32)


@dataclass(frozen=True, slots=True)
class Started:
    """An entrant that runs, frozen while nobody asks it."""

    entrant: Entrant
    service: Service

    @contextmanager
    def awake(self) -> Iterator[str]:
        """Let it run until the block ends; yields its address.

        Raises:
            BenchError: It has ended by itself.
        """
        raise_if_ended(self.service)
        thaw(self.service)
        try:
            yield self.service.address
        finally:
            freeze(self.service)


def _easel(bench: Bench, _: argparse.Namespace, port: int) -> Command:
    words = python(
        "-m", "easel.cli", "up", "--store", str(bench.store), "--port", str(port),
        "--grpc-port", str(free_port()), "--rest-port", str(free_port()),
    )  # fmt: skip
    return Command("easel-up", words)


def _old_way(bench: Bench, flags: argparse.Namespace, port: int) -> Command:
    command = old_way.command(bench, flags)
    words = [word.format(port=port) for word in command.words]
    return Command(command.name, words, command.environment)


def _peer(name: str, start: starting.Start) -> Callable[..., Command]:
    def command(bench: Bench, _: argparse.Namespace, port: int) -> Command:
        folder = Path(mkdtemp(prefix=f"{name}-", dir=bench.work))
        return start(Place(environments.ensure(name), folder, bench.store, port, port))

    return command


ENTRANTS = (
    Entrant("easel", EASEL, _easel),
    Entrant("litserve", "LitServe 0.2.19", _peer(
        "litserve", starting.script("litserve", "--port", "{port}", file=_DRAWINGS)
    )),
    Entrant("bentoml", "BentoML 1.4.39", _peer(
        "bentoml", partial(starting.bentoml, service="drawings:Drawings")
    )),
    Entrant("ray", "Ray Serve 2.60", _peer("ray", partial(starting.ray, file=_DRAWINGS))),
    Entrant("mosec", "mosec 0.9.8", _peer("mosec", starting.script(
        "mosec", "--address", "127.0.0.1", "--port", "{port}", "--log-level", "warning",
        "--timeout", "30000", file=_DRAWINGS,
    ))),
    Entrant("old", OLD_WAY, _old_way, (1, 8)),
)  # fmt: skip
PEERS = tuple(each.title for each in ENTRANTS if each.title not in (EASEL, OLD_WAY))


@contextmanager
def all_started(
    bench: Bench,
    flags: argparse.Namespace,
    entrants: Sequence[Entrant],
    drawings: dict[str, tuple[Drawing, ...]],
    notes: list[str],
) -> Iterator[list[Started]]:
    """All that run here and answer every drawing rightly; why others do not goes into *notes*."""
    with ExitStack() as stack:
        found: list[Started] = []
        for entrant in entrants:
            tell(f"starting {entrant.title}")
            attempt = ExitStack()
            try:
                started = attempt.enter_context(_started(bench, flags, entrant, drawings))
            except BenchError as error:
                attempt.close()
                if entrant.title == EASEL:
                    raise
                notes.append(f"{entrant.title} was not measured: {error}")
                continue
            stack.enter_context(attempt)
            found.append(started)
        yield found


@contextmanager
def _started(
    bench: Bench,
    flags: argparse.Namespace,
    entrant: Entrant,
    drawings: dict[str, tuple[Drawing, ...]],
) -> Iterator[Started]:
    port = free_port()
    command = entrant.start(bench, flags, port)
    with running(command.name, command.words, port, bench.work, command.environment) as service:
        for model, given in drawings.items():
            _wait_until_right(service, model, given)
        freeze(service)
        yield Started(entrant, service)


def _wait_until_right(service: Service, model: str, drawings: Sequence[Drawing]) -> None:
    """Ask for every drawing until all are answered rightly, by several callers."""
    requests = [to_request(f"/api/{model}", each.body) for each in drawings]

    def is_right() -> bool:
        raise_if_ended(service)
        found = closed_loop(service.address, requests, callers=8, seconds=0.5)
        check(drawings, found.answers)
        return len(found.answers) > 0

    try:
        wait_until(is_right, at_most_s=_READY_S, unless=NoAnswer)
    except NoAnswer as error:
        raise BenchError(f"not ready in time: {error}\n{log_tail(service)}") from error


def check(drawings: Sequence[Drawing], answers: Sequence[tuple[int, bytes]]) -> None:
    """Raise WrongAnswer unless every answer is its drawing's."""
    for number, body in answers:
        drawings[number].check(body)


def chosen(names: str) -> list[Entrant]:
    """Entrants by their names, with Easel.

    Raises:
        BenchError: One has no such name.
    """
    wanted = {"easel", *(name for name in names.split(",") if name)}
    if unknown := wanted - {each.name for each in ENTRANTS}:
        raise BenchError(f"no such entrant: {', '.join(sorted(unknown))}")
    return [each for each in ENTRANTS if each.name in wanted]


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Whom to compare with, and where the old way finds TensorFlow."""
    names = ",".join(each.name for each in ENTRANTS if each.name != "easel")
    parser.add_argument("--only", default=names, metavar="NAMES", help=f"some of {names}")
    old_way.add_flags(parser)
