"""How many runs at a time, and how many threads in each: chosen from the machine, and why.

Measured on two cores with MobileNetV2 (about 5 ms an image) and `numbers` (50 us); the
figures are in ``benchmarks/README.md``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from serving.engine.machine import Machine

# More threads in one run wait for each other longer than they help.
_WIDEST = 8
# One client may be all there is, and its connection belongs to one process.
_SHARES = 2
# A second copy of the weights may take this part of the memory.
_WEIGHTS_SHARE = 16


@dataclass(frozen=True, slots=True)
class ThreadPlan:
    """How the cores are used.

    Attributes:
        cores: Those that count.
        lanes: Runs at the same time, of those too long for the event loop.
        intra_op_threads: Threads of a run in company.
        wide_threads: Threads of a run that is alone; a model then has a second session.
        reasons: Why, in sentences for a person.
    """

    cores: int
    lanes: int
    intra_op_threads: int
    wide_threads: int
    reasons: tuple[str, ...] = ()


def choose(
    machine: Machine, *, lanes: int = 0, intra_op_threads: int = 0, workers: int = 1
) -> ThreadPlan:
    """Choose for one of *workers* processes; what is not 0 was chosen by the operator."""
    cores, why = usable_cores(machine)
    reasons = [why]
    all_cores = cores
    if workers > 1:
        cores = min(cores, _SHARES * max(1, cores // workers))
        reasons.append(
            f"{workers} processes share them: each plans with {_count(cores, 'core')}, as the "
            "others may have nothing to do."
        )
    threads = intra_op_threads or 1
    if intra_op_threads:
        reasons.append(f"intra_op_threads is set to {intra_op_threads}.")
    if lanes:
        reasons.append(f"lanes is set to {lanes}.")
    else:
        lanes = max(1, cores // threads)
        reasons.append(
            f"{_count(lanes, 'run')} at a time with {_count(threads, 'thread')} each: one thread "
            "a core wastes nothing on waiting for another."
        )
    wide = 1 if intra_op_threads else min(all_cores, _WIDEST)
    if wide > 1:
        reasons.append(
            f"A run that is alone gets {wide} threads, if that makes the model faster; "
            "for that it has a second session, with its own copy of the weights."
        )
    reasons.append("Threads never spin: they share the cores with the transport.")
    return ThreadPlan(cores, lanes, threads, max(wide, threads), tuple(reasons))


def widest_bytes(machine: Machine) -> float:
    """Size of a model's file up to which its weights may be in memory twice."""
    return math.inf if machine.memory_bytes is None else machine.memory_bytes / _WEIGHTS_SHARE


def usable_cores(machine: Machine) -> tuple[int, str]:
    """Whole cores that this process can keep busy, and why it is that many."""
    cores = machine.allowed_cores
    if cores < machine.cores:
        why = f"{_count(machine.cores, 'core')}, of which this process may use {cores}"
    else:
        why = _count(cores, "core")
    quota = machine.quota
    if quota is None or quota >= cores:
        return cores, f"{why}."
    # Rounded down: a thread more would use the time up and then stand still with the others.
    whole = max(1, int(quota))
    return (
        whole,
        f"{why}, and time for {quota:g} of them: {_count(whole, 'core')} can be kept busy.",
    )


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
