"""What only a run shows: a batch axis baked in unseen, promises that are not kept, chance.

Two or three short runs on rows that fit the signature; whether the values are the source's
is parity's question, not this one's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from export.graph.problems import Problem, of_running
from export.graph.session import open_session, run
from export.tensors import Tensors
from model_store.spec import Signature

BATCH_SIZES = (1, 2, 3)
# Rows in company go through other kernels than alone; a row that sees its neighbours is far off.
_RTOL, _ATOL = 1e-2, 1e-3


@dataclass(frozen=True, slots=True)
class Findings:
    """What running a graph showed.

    Attributes:
        problems: What makes it unfit.
        is_row_wise: Whether a row had the same answer alone and in company, so that the
            server may join the rows of several requests.
    """

    problems: tuple[Problem, ...]
    is_row_wise: bool


def try_out(graph: onnx.ModelProto | Path, signature: Signature, inputs: Tensors) -> Findings:
    """Run *graph* on 1, 2 and 3 of the given rows, and twice on the same.

    Args:
        graph: The converted graph.
        signature: What it promises.
        inputs: One tensor for each input; of a signature with a batch axis any number of rows,
            which are repeated if they are too few.

    Raises:
        ExportRefused: ONNX Runtime cannot load it.
    """
    session = open_session(graph, threads=1)
    sizes: tuple[int | None, ...] = BATCH_SIZES if _takes_batches(signature) else (None,)
    answers: dict[int | None, dict[str, NDArray[Any]]] = {}
    problems: list[Problem] = []
    for rows in sizes:
        given = inputs if rows is None else _rows(inputs, 0, rows)
        try:
            answers[rows] = run(session, given)
            again = run(session, given)
        except Exception as error:  # ONNX Runtime's exceptions have no common base
            return Findings((*problems, of_running(error, rows)), is_row_wise=False)
        problems += _broken_promises(signature, answers[rows])
        problems += _chance(answers[rows], again)
    if sizes == BATCH_SIZES:
        problems += _baked_batch(signature, answers)
    if problems or not signature.is_batched or sizes != BATCH_SIZES:
        return Findings(tuple(dict.fromkeys(problems)), is_row_wise=False)
    company = answers[BATCH_SIZES[-1]]
    alone = [run(session, _rows(inputs, at, 1)) for at in range(BATCH_SIZES[-1])]
    return Findings((), is_row_wise=_are_row_wise(company, alone))


def _takes_batches(signature: Signature) -> bool:
    specs = signature.inputs
    return bool(specs) and all(
        spec.shape is not None and spec.shape[:1] == (None,) for spec in specs
    )


def find_zeroed(want: Tensors, got: Tensors) -> tuple[Problem, ...]:
    """Outputs that a transformation has emptied: zeros only, where the model has none such.

    Args:
        want: What the model gave before, by output name.
        got: What it gives now.
    """
    return tuple(
        Problem(
            f"the output {name} is zero everywhere, which it was not before",
            "leave the operations before it out of the quantisation",
        )
        for name in sorted(want.keys() & got.keys())
        if np.any(want[name]) and not np.any(got[name])
    )


def _rows(inputs: Tensors, first: int, count: int) -> dict[str, NDArray[Any]]:
    """*count* rows from *first* on, beginning again where there are no more."""
    return {
        name: np.take(tensor, range(first, first + count), axis=0, mode="wrap")
        for name, tensor in inputs.items()
    }


def _broken_promises(signature: Signature, outputs: Tensors) -> Iterator[Problem]:
    for spec in signature.outputs:
        tensor = outputs.get(spec.name)
        if tensor is None:
            yield Problem(f"the output {spec.name} is missing", "name the outputs as promised")
            continue
        dtype = "bytes" if tensor.dtype.kind == "S" else str(tensor.dtype)
        if dtype != spec.dtype or not spec.fits(tensor.shape):
            yield Problem(
                f"the output {spec} is {dtype}{list(tensor.shape)} when it runs",
                "promise what the graph gives",
            )


def _baked_batch(
    signature: Signature, answers: Mapping[int | None, Mapping[str, NDArray[Any]]]
) -> Iterator[Problem]:
    """Outputs of one length whatever the batch, where the signature says that it is free.

    A length that changes in another way (boxes found in all pictures together) is the model's
    own doing; its rows only cannot be told apart.
    """
    for spec in signature.outputs:
        shapes = [answer[spec.name].shape for answer in answers.values() if spec.name in answer]
        if spec.shape is None or spec.shape[:1] != (None,) or not all(shapes):
            continue
        if len({shape[0] for shape in shapes}) == 1:
            yield Problem(
                f"the output {spec.name} is {list(shapes[0])} for 1 row and for "
                f"{len(shapes)}: the batch axis is baked into the graph",
                "convert the model again with a free batch axis in front (PyTorch: an example of "
                "at least 2 rows and dynamic_shapes)",
            )


def _chance(once: Mapping[str, NDArray[Any]], again: Tensors) -> Iterator[Problem]:
    for name, tensor in once.items():
        if tensor.tobytes() != again[name].tobytes() and not _close(tensor, again[name]):
            yield Problem(
                f"the output {name} is another at each run on the same input: the graph draws "
                "random numbers",
                "export the model for inference, without augmentation and dropout",
            )


def _are_row_wise(company: Tensors, alone: list[dict[str, NDArray[Any]]]) -> bool:
    return all(
        answer[name].shape == tensor[at : at + 1].shape
        and _close(answer[name], tensor[at : at + 1])
        for name, tensor in company.items()
        for at, answer in enumerate(alone)
    )


def _close(one: NDArray[Any], other: NDArray[Any]) -> bool:
    if one.dtype.kind not in "fc":
        return bool(np.array_equal(one, other))
    span = float(np.nanmax(np.abs(one[np.isfinite(one)]), initial=0.0))
    return bool(np.allclose(one, other, rtol=_RTOL, atol=_ATOL * span, equal_nan=True))
