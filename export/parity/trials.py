"""What both models are run on: the author's samples, at several batch sizes and lengths.

``export.parity.seeded`` draws inputs where the author gave none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.tensors import Tensors
from model_store.errors import ExportRefused
from model_store.spec import Signature

MAX_BATCH = 32
# Small batches are for what goes wrong with the batch axis: some calls show that.
MAX_CALLS = 64
SAMPLE_LENGTHS = (5, 12, 1)


@dataclass(frozen=True, slots=True)
class Group:
    """Inputs of one shape.

    Attributes:
        inputs: By name; with batch sizes, axis 0 is the batch axis, equal in all.
        batches: Rows in a call, each tried in turn; empty for one call without a batch axis.
        case: What sets these inputs apart, for the report; empty where nothing does.
    """

    inputs: Tensors
    batches: tuple[int, ...]
    case: str = ""

    @property
    def rows(self) -> int:
        """How many rows there are; 1 without a batch axis."""
        return len(next(iter(self.inputs.values()))) if self.batches else 1


def _none() -> Iterator[Group]:
    return iter(())


@dataclass(frozen=True, slots=True)
class Trials:
    """All groups.

    Attributes:
        samples: What they are, for people.
        groups: What both models must be able to run.
        tries: Gives more, anew at each call; one that the source refuses is left out.
        wanted: How many of *tries* are enough.
        seed: What *tries* and *groups* were drawn with; None if they were given.
    """

    samples: str
    groups: tuple[Group, ...] = ()
    tries: Callable[[], Iterator[Group]] = _none
    wanted: int = 0
    seed: int | None = None


def batch_sizes(max_batch: int = MAX_BATCH) -> tuple[int, ...]:
    """1, 2, 7 and the maximum, as far as they are allowed."""
    return tuple(sorted({size for size in (1, 2, 7) if size < max_batch} | {max_batch}))


def from_samples(
    inputs: Tensors, signature: Signature, samples: str, max_batch: int = MAX_BATCH
) -> Trials:
    """The author's samples at every batch size, and cut to other lengths where axes are free.

    Args:
        inputs: By name, as *signature* wants them.
        signature: Of what is called.
        samples: What they are, for the report.
        max_batch: The most rows in a call.

    Raises:
        ExportRefused: There are none, they do not fit, or the numbers of rows differ.
    """
    check_samples(inputs, signature)
    batches = batch_sizes(max_batch) if has_batch_axis(signature) else ()
    free = free_axes(signature)
    lengths = [length for length in SAMPLE_LENGTHS if free]

    def others() -> Iterator[Group]:
        for length in lengths:
            cut = {
                name: _with_length(tensor, [axis for one, axis in free if one == name], length)
                for name, tensor in inputs.items()
            }
            yield Group(cut, batches, f"free axes cut or repeated to {length}")

    return Trials(samples, (Group(inputs, batches),), others, len(lengths))


def check_samples(inputs: Tensors, signature: Signature) -> None:
    """See that *inputs* can be given to *signature*.

    Raises:
        ExportRefused: There are none, they do not fit, or the numbers of rows differ.
    """
    wanted = {spec.name: spec for spec in signature.inputs}
    if inputs.keys() != wanted.keys():
        raise ExportRefused(
            f"the samples are for {', '.join(sorted(inputs)) or 'nothing'}; the model takes "
            f"{', '.join(sorted(wanted)) or 'nothing'}"
        )
    for name, tensor in inputs.items():
        dtype = "bytes" if tensor.dtype.kind in "SUO" else tensor.dtype.name
        if dtype != wanted[name].dtype or not wanted[name].fits(tensor.shape):
            raise ExportRefused(
                f"the samples are {dtype}{list(tensor.shape)}, the model takes {wanted[name]}"
            )
    if not has_batch_axis(signature):
        return
    rows = {len(tensor) for tensor in inputs.values()}
    if len(rows) != 1:
        raise ExportRefused(f"the samples have {sorted(rows)} rows: one number for all inputs")
    if rows == {0}:
        raise ExportRefused("there are no samples to prove parity on")


def has_batch_axis(signature: Signature) -> bool:
    """Whether axis 0 of every input is free; then it counts rows."""
    return bool(signature.inputs) and all(
        spec.shape is not None and spec.shape[:1] == (None,) for spec in signature.inputs
    )


def free_axes(signature: Signature) -> list[tuple[str, int]]:
    """Input and axis of every free length that is not the batch."""
    first = 1 if has_batch_axis(signature) else 0
    return [
        (spec.name, axis)
        for spec in signature.inputs
        for axis, length in enumerate(spec.shape or ())
        if length is None and axis >= first
    ]


def calls(group: Group, batch: int | None) -> Iterator[Tensors]:
    """The inputs of each call at one batch size; a batch larger than all repeats rows.

    Batches that cannot be filled with other rows are left out, but for the last of few.
    """
    if batch is None:
        yield group.inputs
        return
    rows = max(group.rows, batch)
    for at in list(range(0, rows, batch))[:MAX_CALLS]:
        yield take(group.inputs, np.arange(at, min(at + batch, rows)) % group.rows)


def take(inputs: Tensors, rows: NDArray[np.intp]) -> Tensors:
    """These rows of every input."""
    return {name: tensor[rows] for name, tensor in inputs.items()}


def _with_length(tensor: NDArray[Any], axes: list[int], length: int) -> NDArray[Any]:
    """*tensor* with the *axes* cut, or begun again, to *length*: its values stay in their range."""
    for axis in axes:
        if tensor.shape[axis]:
            tensor = np.take(tensor, range(length), axis=axis, mode="wrap")
    return tensor
