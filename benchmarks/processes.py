"""Competitors as real processes: started on free ports, watched through /proc, ended by pid.

Linux only.  Knows nothing of what the processes answer.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_TICKS_S = os.sysconf("SC_CLK_TCK")
_STOP_S = 10.0
_IDLE_LOOK_S = 0.05
_POLL_S = 0.2


class BenchError(Exception):
    """A measurement that could not be made; the message says why."""


@dataclass(frozen=True, slots=True)
class Service:
    """One started competitor; its process may have workers below it.

    Attributes:
        name: For people.
        address: ``host:port`` it was told to listen on.
        pid: Of the process that was started.
        log: What it printed.
    """

    name: str
    address: str
    pid: int
    log: Path


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident memory (VmRSS) of one process; pages shared with others are counted."""

    pid: int
    megabytes: float


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody had a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(
    name: str, command: Sequence[str], port: int, logs: Path, environment: Mapping[str, str]
) -> Iterator[Service]:
    """Keep *command* running until the block ends; it was told to listen on *port*.

    Whether it answers yet is for the caller to find out.  Our modules are found through
    PYTHONPATH, so that a peer's environment need not have Easel installed.  Settings of
    Easel in this environment are not passed on: what is measured are the defaults.
    """
    inherited = {name: text for name, text in os.environ.items() if not name.startswith("EASEL_")}
    ours = {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    log = logs / f"{name}-{port}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env={**inherited, **ours, **environment}, stdin=subprocess.DEVNULL,
            stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    try:
        yield Service(name, f"127.0.0.1:{port}", process.pid, log)
    finally:
        _stop(process)


def python(*arguments: str) -> list[str]:
    """A command that runs this interpreter."""
    return [sys.executable, *arguments]


def raise_if_ended(service: Service) -> None:
    """Raise with the end of its log when *service* is not running any more.

    Raises:
        BenchError: It is not.
    """
    with suppress(OSError):
        if _stat(service.pid)[0] != "Z":
            return
    raise BenchError(f"{service.name} ended by itself:\n{log_tail(service)}")


def log_tail(service: Service) -> str:
    """The last lines of what it printed, indented."""
    lines = service.log.read_text(errors="replace").splitlines()[-12:]
    return "\n".join(f"  {line}" for line in lines)


def cpu_s(services: Sequence[Service]) -> float:
    """Processor seconds of the services so far: user and system, with all descendants."""
    total = 0
    for pid in _pids(services):
        with suppress(OSError):  # it ended meanwhile; its parent then has its time
            total += sum(int(ticks) for ticks in _stat(pid)[11:15])
    return total / _TICKS_S


def busy_s() -> float:
    """Processor seconds of the whole machine so far, hypervisor's theft included."""
    with Path("/proc/stat").open() as file:
        user, nice, system, _, _, irq, softirq, steal = map(int, file.readline().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / _TICKS_S


def wait_until_idle(services: Sequence[Service], *, at_most_s: float) -> None:
    """Let a server finish what its last callers left behind, or the next one pays for it."""
    end = time.monotonic() + at_most_s
    before = cpu_s(services)
    while time.monotonic() < end:
        time.sleep(_IDLE_LOOK_S)
        now = cpu_s(services)
        if now - before <= 1 / _TICKS_S:
            return
        before = now


def wait_until(is_so: Callable[[], bool], *, at_most_s: float, unless: type[BenchError]) -> None:
    """Try again and again; an error of the kind *unless* means not yet.

    Raises:
        BenchError: It never was so; the last one of that kind.
    """
    end = time.monotonic() + at_most_s
    while True:
        try:
            if is_so():
                return
            raise unless("it does not come about")
        except unless:
            if time.monotonic() > end:
                raise
        time.sleep(_POLL_S)


def resident(service: Service, below: str = "") -> tuple[Memory, ...]:
    """Memory of the service's processes, largest first.

    Args:
        service: Which.
        below: Only those that were started by one with this word in its command.
    """
    found: list[Memory] = []
    pids = _pids([service])
    if below:
        heads = [pid for pid in pids if below in _words(pid)]
        pids = [pid for head in heads for pid in _pids_below(head)]
    for pid in pids:
        with suppress(OSError):
            status = Path(f"/proc/{pid}/status").read_text()
            kilobytes = [line.split()[1] for line in status.splitlines() if "VmRSS" in line]
            found.extend(Memory(pid, int(number) / 1000) for number in kilobytes)
    return tuple(sorted(found, key=lambda memory: -memory.megabytes))


def freeze(service: Service) -> None:
    """Stop all its processes where they are, parents first."""
    for pid in _pids([service]):
        with suppress(OSError):
            os.kill(pid, signal.SIGSTOP)


def thaw(service: Service) -> None:
    """Let them go on, children first: a parent that looks after them finds them well."""
    for pid in reversed(_pids([service])):
        with suppress(OSError):
            os.kill(pid, signal.SIGCONT)


def _words(pid: int) -> list[str]:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    return []


def _pids_below(pid: int) -> list[int]:
    return _pids([Service("", "", pid, Path())])[1:]


def _pids(services: Sequence[Service]) -> list[int]:
    """The services' processes and all their descendants."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        pid = int(folder.name)
        with suppress(OSError):
            children.setdefault(int(_stat(pid)[1]), []).append(pid)
    pids = [service.pid for service in services]
    for pid in pids:  # grows while it is walked
        pids.extend(children.get(pid, ()))
    return pids


def _stat(pid: int) -> list[str]:
    """Fields of /proc/PID/stat from the state (0) on; 11 to 14 are the times in ticks."""
    # The name before them is in parentheses and may hold anything.
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _stop(process: subprocess.Popen[bytes]) -> None:
    service = Service("", "", process.pid, Path())
    thaw(service)
    workers = _pids([service])[1:]
    process.terminate()
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pid in workers:
        # Only those it left behind: a pid may belong to somebody else by now.
        with suppress(OSError):
            if os.getsid(pid) == process.pid:
                os.kill(pid, 9)
