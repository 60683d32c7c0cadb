"""Which form of a graph is published: measured on this machine, and the float model unless beaten.

A claim of speed is worth what it was measured with, so every candidate is timed in turns with
the float graph and answers the same samples; the table of trials says what came of each.

    choice = choose(path, evidence, Wants(quantize=True), Margins(), Workbench(folder))
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import geometric_mean

import onnx

from export.graph.agreement import accuracy, agreement, answers
from export.graph.float16 import store_float16
from export.graph.optimise import optimise
from export.graph.problems import Problem
from export.graph.quantise import method_for, quantise_dynamic, quantise_static
from export.graph.running import find_zeroed
from export.graph.stopwatch import InTurns, Stopwatch, Timing, time_graphs
from export.graph.structure import find_zeroed_softmax
from export.graph.trials import (
    DYNAMIC,
    FLOAT,
    FLOAT16,
    OPTIMIZED,
    STATIC,
    Choice,
    Evidence,
    Margins,
    Trial,
    Wants,
)
from export.tensors import Tensors
from model_store.errors import EaselError

# What changes no answer need not be much faster, and what only saves room must not be slower.
_OPTIMIZED_SPEEDUP, _FLOAT16_SPEEDUP = 1.05, 0.9
_ENOUGH_TO_SPLIT = 20


@dataclass(frozen=True, slots=True)
class Workbench:
    """Where and with what candidates are made.

    Attributes:
        folder: For their files; they are the caller's to remove.
        stopwatch: Measures.
        step: Told what is being done.
    """

    folder: Path
    stopwatch: Stopwatch = field(default_factory=InTurns)
    step: Callable[[str], None] = lambda _: None


def choose(
    path: Path, evidence: Evidence, wants: Wants, margins: Margins, bench: Workbench
) -> Choice:
    """Make what is wanted, measure it against the float graph, and keep that unless it is beaten.

    Args:
        path: The checked float graph with its prelude.
        evidence: What to judge on.
        wants: What to try.
        margins: What a candidate must win by.
        bench: Where to work.

    Raises:
        ExportRefused: The float graph itself cannot be loaded.
    """
    calibration, judged = _split(evidence) if wants.quantize else (evidence.samples, evidence)
    made, failed = _make(path, calibration, evidence, wants, bench)
    bench.step(f"measuring {', '.join([FLOAT, *made])}")
    graphs = {FLOAT: path, **made}
    measured = _measure(graphs, judged, bench.stopwatch)
    base = measured[FLOAT]
    trials = [base, *(_judged(measured[name], base, margins) for name in made)]
    best = _best(trials)
    trials = [replace(trial, is_chosen=trial is best) for trial in trials]
    return Choice(graphs[best.candidate], (*trials, *failed), _notes(evidence, judged, wants))


def _split(evidence: Evidence) -> tuple[Tensors, Evidence]:
    """Rows to calibrate on and others to judge on, where there are enough for both."""
    rows = len(next(iter(evidence.samples.values())))
    if not evidence.has_batch or rows < _ENOUGH_TO_SPLIT:
        return evidence.samples, evidence
    # Alternately, and not in halves: pictures in a folder are often sorted by class.
    judged = replace(
        evidence,
        samples=_every_second(evidence.samples, 1),
        reference=_every_second(evidence.reference, 1),
        labels=None if evidence.labels is None else evidence.labels[1::2],
    )
    return _every_second(evidence.samples, 0), judged


def _every_second(tensors: Tensors, first: int) -> Tensors:
    return {name: tensor[first::2] for name, tensor in tensors.items()}


def _make(
    path: Path, calibration: Tensors, evidence: Evidence, wants: Wants, bench: Workbench
) -> tuple[dict[str, Path], list[Trial]]:
    """The candidates' files by name, and a row for each that came to nothing."""
    model = onnx.load(path)
    makers: dict[str, Callable[[Path], None]] = {}
    failed: list[Trial] = []
    if wants.optimize:
        makers[OPTIMIZED] = lambda target: optimise(path, target)
    if wants.float16:
        makers[FLOAT16] = lambda target: onnx.save(store_float16(model), target)
    if wants.quantize:
        method = method_for(model)
        if not method:
            failed.append(Trial("int8", "not tried: there is nothing in it to quantise"))
        elif method == "dynamic":
            makers[DYNAMIC] = lambda target: quantise_dynamic(path, target)
        elif evidence.are_random:
            failed.append(Trial(STATIC, "not tried: noise calibrates nothing; add --samples"))
        else:
            makers[STATIC] = lambda target: quantise_static(
                path, target, calibration, has_batch=evidence.has_batch
            )
    made: dict[str, Path] = {}
    for name, make in makers.items():
        bench.step(f"making {name}")
        target = bench.folder / f"{name.replace(' ', '-')}.onnx"
        try:
            make(target)
            _refuse_emptied(target, evidence)
            made[name] = target
        except EaselError as error:
            failed.append(Trial(name, f"failed: {error}"))
        # The tools' Python and C++ raise whatever they like; a candidate is nobody's loss.
        except Exception as error:
            reason = " ".join(str(error).split())[:200]
            failed.append(Trial(name, f"failed: {type(error).__name__}: {reason}"))
    return made, failed


def _refuse_emptied(path: Path, evidence: Evidence) -> None:
    got = answers(path, evidence.samples, has_batch=evidence.has_batch)
    problems: tuple[Problem, ...] = (
        *find_zeroed_softmax(onnx.load(path)),
        *find_zeroed(evidence.reference, got),
    )
    if problems:
        raise EaselError(str(problems[0]))


def _measure(
    graphs: Mapping[str, Path], evidence: Evidence, stopwatch: Stopwatch
) -> dict[str, Trial]:
    timings = time_graphs(graphs, evidence.samples, stopwatch, has_batch=evidence.has_batch)
    found = {}
    for name, path in graphs.items():
        got = answers(path, evidence.samples, has_batch=evidence.has_batch)
        found[name] = Trial(
            candidate=name,
            verdict="the model as converted",
            bytes=path.stat().st_size,
            timings=timings[name],
            speedup=geometric_mean(_ratios(timings[FLOAT], timings[name])),
            agreement=agreement(evidence.reference, got),
            accuracy=None if evidence.labels is None else accuracy(got, evidence.labels),
        )
    return found


def _ratios(base: Sequence[Timing], own: Sequence[Timing]) -> list[float]:
    """How many times as fast, by setting."""
    return [before.ms / after.ms for before, after in zip(base, own, strict=True)]


def _judged(trial: Trial, base: Trial, margins: Margins) -> Trial:
    faults = [*_accuracy_faults(trial, base, margins), *_speed_faults(trial, base, margins)]
    if trial.candidate == FLOAT16 and trial.bytes >= base.bytes:
        faults.append("its file is no smaller")
    if faults:
        return replace(trial, verdict=f"left: {' and '.join(faults)}")
    room = f"{trial.bytes / base.bytes:.0%} of the bytes, " if trial.candidate == FLOAT16 else ""
    verdict = f"wins: {room}{trial.speedup:.2f}x as fast, {_right(trial)}"
    return replace(trial, verdict=verdict, has_won=True)


def _right(trial: Trial) -> str:
    if trial.accuracy is not None:
        return f"{trial.accuracy:.1%} right"
    return f"{trial.agreement:.1%} of the answers are the source's"


def _accuracy_faults(trial: Trial, base: Trial, margins: Margins) -> list[str]:
    if trial.accuracy is not None and base.accuracy is not None:
        lost = base.accuracy - trial.accuracy
        # The margin is a decimal fraction, the shares are binary ones: 0.5 points are 0.5 points.
        if lost <= margins.accuracy_loss + 1e-9:
            return []
        return [f"{100 * lost:.2f} points less accurate ({100 * margins.accuracy_loss:g} allowed)"]
    if trial.agreement >= margins.agreement:
        return []
    return [f"{trial.agreement:.1%} agreement ({margins.agreement:.1%} wanted)"]


def _speed_faults(trial: Trial, base: Trial, margins: Margins) -> list[str]:
    least = {OPTIMIZED: _OPTIMIZED_SPEEDUP, FLOAT16: _FLOAT16_SPEEDUP}
    wanted = least.get(trial.candidate, margins.speedup)
    if trial.speedup < wanted:
        return [f"{trial.speedup:.2f}x as fast ({wanted:g}x wanted)"]
    ratios = _ratios(base.timings, trial.timings)
    slowest = ratios.index(min(ratios))
    if wanted > 1 > ratios[slowest]:
        return [f"slower at {trial.timings[slowest].setting} ({ratios[slowest]:.2f}x)"]
    return []


def _best(trials: list[Trial]) -> Trial:
    """The fastest that won; float16 storage, which only saves room, if nothing faster did."""
    winners = [trial for trial in trials if trial.has_won]
    faster = [trial for trial in winners if trial.candidate != FLOAT16]
    if faster:
        return max(faster, key=lambda trial: trial.speedup)
    return winners[0] if winners else trials[0]


def _notes(evidence: Evidence, judged: Evidence, wants: Wants) -> tuple[str, ...]:
    rows = len(next(iter(judged.samples.values()))) if evidence.has_batch else 1
    what = f"judged on {rows} sample{'s' * (rows != 1)}"
    if wants.quantize and judged is not evidence:
        return (f"{what} that the calibration did not see",)
    return (what,)
