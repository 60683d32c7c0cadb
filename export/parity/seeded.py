"""Inputs drawn to fit a signature, for models whose author gave no samples.

What is drawn is modest on purpose: numbers that networks see in training, integers that
no embedding has too few rows for.  Free axes get a few lengths, equal in all inputs
first, for masks are as long as what they mask; a length that the source refuses is
replaced by the next.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.parity.trials import MAX_BATCH, Group, Trials, batch_sizes, free_axes, has_batch_axis
from export.tensors import Tensors
from model_store.errors import ExportRefused
from model_store.spec import Signature, TensorSpec

# Of texts and series; and of pictures, which most networks halve several times.
LENGTHS = (5, 12, 1, 8, 16, 32, 128)
SIDES = (32, 64, 96, 224, 33, 128, 256)
WANTED_LENGTHS = 3
WANTED_DRAWS = 4
INTEGERS = (0, 7)
WORDS = (b"", b"a", b"b", b"ab", b"cat", b"dog", b"0", b"1", "새".encode())
# Beside the normal distribution: where activations bend, and both zeros.
EDGES = (0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 1e-4, -1e-4)
_UNRANKED = 4


@dataclass(frozen=True, slots=True)
class Draw:
    """How inputs are drawn.

    Attributes:
        seed: Equal seeds draw equal inputs.
        max_batch: The most rows in a call.
        ranges: Smallest and largest value, by input; for any other, what its dtype suggests.
        lengths: Of every free axis but the batch, each tried in turn; empty for the usual ones.
        words: What strings are drawn from.
    """

    seed: int = 0
    max_batch: int = MAX_BATCH
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    lengths: tuple[int, ...] = ()
    words: tuple[bytes, ...] = WORDS


def seeded(signature: Signature, draw: Draw | None = None) -> Trials:
    """Trials on drawn inputs.

    Args:
        signature: Of what is called.
        draw: How they are drawn.

    Raises:
        ExportRefused: A dtype that nothing can be drawn for.
    """
    draw = draw or Draw()
    for spec in signature.inputs:
        values(spec, (1,), np.random.default_rng(0), draw)
    free, is_batched = free_axes(signature), has_batch_axis(signature)
    wanted = WANTED_LENGTHS if free else (1 if is_batched else WANTED_DRAWS)
    if free and draw.lengths:
        wanted = len(draw.lengths)
    rows = f"{draw.max_batch} rows" if is_batched else "several draws"
    return Trials(
        samples=f"{rows} of seeded inputs, seed {draw.seed}",
        tries=partial(_tries, signature, draw),
        wanted=wanted,
        seed=draw.seed,
    )


def _tries(signature: Signature, draw: Draw) -> Iterator[Group]:
    """Groups in the order in which they are to be tried."""
    batches = batch_sizes(draw.max_batch) if has_batch_axis(signature) else ()
    for narrower in (draw, _narrowed(signature, draw, 1), _narrowed(signature, draw, 0)):
        for number, lengths in enumerate(_lengths(signature, draw)):
            rng = np.random.default_rng((draw.seed, number))
            inputs = draw_inputs(signature, lengths, rng, narrower)
            case = ", ".join(f"{name}[{axis}]={size}" for (name, axis), size in lengths.items())
            yield Group(inputs, batches, case or ("" if batches else f"draw {number + 1}"))


def _narrowed(signature: Signature, draw: Draw, largest: int) -> Draw:
    """*draw* with integers of nobody's choice no larger than *largest*."""
    integers = [spec.name for spec in signature.inputs if _is_integer(spec.dtype)]
    return replace(draw, ranges=dict.fromkeys(integers, (0, largest)) | dict(draw.ranges))


def _lengths(signature: Signature, draw: Draw) -> Iterator[dict[tuple[str, int], int]]:
    """A length for each free axis: first the same in all inputs, then each its own."""
    free = free_axes(signature)
    if not free:
        yield from [{}] * (1 if has_batch_axis(signature) else WANTED_DRAWS)
        return
    candidates = {axis: draw.lengths or _usual_lengths(signature, axis[0]) for axis in free}
    count = min(map(len, candidates.values()))
    for at in range(count):
        yield {axis: candidates[axis][at] for axis in free}
    if len(free) > 1:
        for at in range(count):
            yield {axis: candidates[axis][(at + turn) % count] for turn, axis in enumerate(free)}


def _usual_lengths(signature: Signature, name: str) -> tuple[int, ...]:
    shape = next(spec.shape for spec in signature.inputs if spec.name == name) or ()
    return SIDES if len(shape) >= 4 else LENGTHS


def draw_inputs(
    signature: Signature,
    lengths: Mapping[tuple[str, int], int],
    rng: np.random.Generator,
    draw: Draw,
) -> Tensors:
    """Every input once: ``draw.max_batch`` rows where there is a batch axis."""
    is_batched = has_batch_axis(signature)

    def size(spec: TensorSpec, axis: int, length: int | None) -> int:
        if axis == 0 and is_batched:
            return draw.max_batch
        return lengths[spec.name, axis] if length is None else length

    shapes = {
        spec.name: (_UNRANKED,)
        if spec.shape is None
        else tuple(size(spec, axis, length) for axis, length in enumerate(spec.shape))
        for spec in signature.inputs
    }
    return {spec.name: values(spec, shapes[spec.name], rng, draw) for spec in signature.inputs}


def values(
    spec: TensorSpec, shape: tuple[int, ...], rng: np.random.Generator, draw: Draw
) -> NDArray[Any]:
    """Numbers or words for one input.

    Raises:
        ExportRefused: Nothing can be drawn for its dtype.
    """
    if spec.dtype == "bytes":
        return rng.choice(np.array(draw.words, np.bytes_), shape)
    if spec.dtype == "bool":
        return rng.integers(0, 2, shape).astype(np.bool_)
    try:
        dtype = np.dtype(spec.dtype)
    except TypeError as error:
        raise ExportRefused(f"nothing can be drawn for {spec}; give --samples") from error
    if _is_integer(spec.dtype):
        low, high = draw.ranges.get(spec.name, (0, 255) if dtype == np.uint8 else INTEGERS)
        return rng.integers(int(low), int(high), shape, endpoint=True).astype(dtype)
    if spec.name in draw.ranges:
        return rng.uniform(*draw.ranges[spec.name], shape).astype(dtype)
    return _floats(shape, rng).astype(dtype)


def _floats(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[Any]:
    """Rows in turn: normal, from 0 to 1, normal, and edge values among normal ones."""
    normal = np.asarray(rng.standard_normal(shape))
    if not shape:
        return normal
    normal[1::4] = rng.uniform(0, 1, normal[1::4].shape)
    edges = normal[3::4]
    is_edge = rng.uniform(0, 1, edges.shape) < 0.5
    normal[3::4] = np.where(is_edge, rng.choice(EDGES, edges.shape), edges)
    return normal


def _is_integer(dtype: str) -> bool:
    return dtype.startswith(("int", "uint"))
