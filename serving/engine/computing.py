"""One batch through a session: joined, padded, cut apart again, and whose row failed.

May run in a thread: it reads jobs and answers none of them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from model_store.errors import Cancelled, EaselError
from serving.api.calls import Tensor, Tensors
from serving.engine.jobs import Job
from serving.engine.session import Abort, Session

Outcome = list[Tensor] | Exception


@dataclass(frozen=True, slots=True)
class Program:
    """What is run, for every batch of one signature.

    Attributes:
        session: Computes.
        inputs: Their names.
        outputs: Names of all.
        allowed_rows: Sizes that a batch may have, ascending; empty allows any.
    """

    session: Session
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    allowed_rows: tuple[int, ...] = ()


def compute(program: Program, batch: Sequence[Job], abort: Abort | None = None) -> list[Outcome]:
    """Outputs of each job, or what went wrong with it.

    A batch that fails is halved until it is known whose rows fail: of N jobs with one bad
    one that takes 2 log N runs and not N.
    """
    try:
        if len(batch) == 1:
            return [_compute_alone(program, batch[0], abort)]
        return list(_compute_joined(program, batch, abort))
    except Exception as error:  # whose row it was is not said
        if len(batch) == 1:
            return [error]
        if abort is not None and all(job.future.done() for job in batch):
            return [Cancelled("the caller went away")] * len(batch)
        half = len(batch) // 2
        return [*compute(program, batch[:half], abort), *compute(program, batch[half:], abort)]


def _compute_alone(program: Program, job: Job, abort: Abort | None) -> list[Tensor]:
    if not program.allowed_rows:
        return program.session.run(job.outputs, job.inputs, abort)
    results = _run_padded(program, job.outputs, job.inputs, job.rows, abort)
    return [result[: job.rows] for result in results]


def _compute_joined(
    program: Program, batch: Sequence[Job], abort: Abort | None
) -> Sequence[list[Tensor]]:
    joined = {name: np.concatenate([job.inputs[name] for job in batch]) for name in program.inputs}
    rows = sum([job.rows for job in batch])
    outputs = program.outputs
    results = dict(zip(outputs, _run_padded(program, outputs, joined, rows, abort), strict=True))
    answers = []
    at = 0
    for job in batch:
        answers.append([results[name][at : at + job.rows] for name in job.outputs])
        at += job.rows
    return answers


def _run_padded(
    program: Program, outputs: Sequence[str], inputs: Tensors, rows: int, abort: Abort | None
) -> list[Tensor]:
    wanted = padded_rows(rows, program.allowed_rows)
    if wanted > rows:
        inputs = _pad(inputs, wanted - rows)
    results = program.session.run(outputs, inputs, abort)
    for name, result in zip(outputs, results, strict=True):
        if result.shape[:1] != (wanted,):  # cutting it would give rows to the wrong callers
            raise EaselError(f"output {name} has shape {list(result.shape)} for {wanted} rows")
    return results


def padded_rows(rows: int, allowed: Sequence[int]) -> int:
    """The smallest of the *allowed* sizes that holds *rows*; *rows* where none is named."""
    at = bisect_left(allowed, rows)
    return allowed[at] if at < len(allowed) else rows


def _pad(inputs: Tensors, more: int) -> Mapping[str, Tensor]:
    """Repeat the first row: unlike zeros, it is something that the model can compute."""
    return {
        name: np.concatenate([tensor, _filling(tensor, more)]) for name, tensor in inputs.items()
    }


def _filling(tensor: Tensor, rows: int) -> Tensor:
    if len(tensor):
        return np.repeat(tensor[:1], rows, axis=0)
    empty = b"" if tensor.dtype == np.object_ else 0
    return np.full((rows, *tensor.shape[1:]), empty, tensor.dtype)
