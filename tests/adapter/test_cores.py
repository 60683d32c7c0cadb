"""Processes that answer stay on cores of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from adapter.cores import find_cores, have_one_each
from tests.support import ROOT, easel, free_port, wait_until_it_answers

CORES = sorted(find_cores())

# Takes a core, says which, and stays until it is told to end.
TAKE = """
import os, sys
from pathlib import Path
from adapter.cores import find_cores, take_core
print(take_core(Path(sys.argv[1]), find_cores()), sorted(os.sched_getaffinity(0)), flush=True)
sys.stdin.read()
"""


def take(folder: Path) -> tuple[subprocess.Popen[str], str]:
    """A process that takes a core in *folder*, and what it says."""
    process = subprocess.Popen(
        [sys.executable, "-c", TAKE, str(folder)],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    return process, process.stdout.readline().strip()


@pytest.mark.parametrize(
    ("switch", "processes", "cores", "wanted"),
    [
        ("auto", 2, 2, True), ("auto", 4, 4, True), ("auto", 2, 4, False), ("auto", 3, 2, False),
        ("auto", 1, 1, False), ("auto", 2, 0, False),
        ("on", 2, 4, True), ("on", 1, 1, True), ("on", 3, 2, False), ("on", 1, 0, False),
        ("off", 2, 2, False),
    ],
)  # fmt: skip
def test_there_must_be_a_core_for_each(switch, processes, cores, wanted):
    assert have_one_each(switch, processes, range(cores)) is wanted


@pytest.mark.skipif(not CORES, reason="this system does not say which cores there are")
def test_each_takes_another_core_and_what_one_leaves_is_free_again(tmp_path):
    taken = [take(tmp_path) for _ in CORES]
    assert [said for _, said in taken] == [f"{core} [{core}]" for core in CORES]
    late, said = take(tmp_path)
    assert said == f"None {CORES}"
    taken[-1][0].communicate(timeout=30)
    after, said = take(tmp_path)
    assert said == f"{CORES[-1]} [{CORES[-1]}]"
    for process in (late, after, *(each for each, _ in taken[:-1])):
        process.communicate(timeout=30)


@pytest.mark.skipif(len(CORES) < 2, reason="there is one core only")
@pytest.mark.parametrize("is_own", [True, False])
def test_the_commands_processes_have_them(tmp_path, is_own):
    port, switch = free_port(), "auto" if is_own else "off"
    flags = ("--store", str(tmp_path), "--port", str(port), "--own_cores", switch)
    with easel("adapter", *flags, "--workers", str(len(CORES))) as process:
        wait_until_it_answers(process, port)
        # One answers; the others may still begin.
        wanted = [[core] for core in CORES] if is_own else [CORES] * len(CORES)
        while sorted(map(allowed, children_of(process.pid))) != wanted:
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.1)
                raise AssertionError("the adapter ended")


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def allowed(pid: int) -> list[int]:
    return sorted(os.sched_getaffinity(pid))
