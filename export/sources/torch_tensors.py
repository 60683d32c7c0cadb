"""What all PyTorch sources share: arrays to tensors and back, names of outputs, free axes.

Runs only in the process that loads a model.  A PyTorch model gives whatever Python can
nest; the leaves that are tensors are its outputs, named by where they stand.
"""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import ml_dtypes
import numpy as np
import torch
import torch.utils._pytree as pytree
from numpy.typing import NDArray

from export.tensors import Tensors
from model_store.errors import ExportRefused
from model_store.spec import TensorSpec

Shapes = Mapping[str, tuple[int | None, ...]]

NO_SAVED_MODEL = (
    "a PyTorch model cannot become a SavedModel: choose --to onnx, which TensorFlow Serving's "
    "clients reach through easel serve"
)

_DTYPES = {
    torch.float16: "float16", torch.float32: "float32", torch.float64: "float64",
    torch.bfloat16: "bfloat16", torch.bool: "bool",
    torch.uint8: "uint8", torch.uint16: "uint16", torch.uint32: "uint32", torch.uint64: "uint64",
    torch.int8: "int8", torch.int16: "int16", torch.int32: "int32", torch.int64: "int64",
}  # fmt: skip
_TORCH_DTYPES = {name: dtype for dtype, name in _DTYPES.items()}
_BATCH = 2  # PyTorch's exporters take an axis of one for a constant
_LENGTHS = ((12, 17), (64, 96), (224, 256))  # of other free axes, and another length to compare


def dtype_name(dtype: torch.dtype) -> str:
    """Numpy's name; raises ExportRefused for quantised and complex numbers."""
    if dtype not in _DTYPES:
        raise ExportRefused(f"a tensor of {dtype} has no place in a signature; cast it in forward")
    return _DTYPES[dtype]


def torch_dtype(name: str) -> torch.dtype:
    """PyTorch's type; raises ExportRefused where it has none."""
    if name not in _TORCH_DTYPES:
        raise ExportRefused(f"PyTorch has no {name}; it knows {', '.join(_TORCH_DTYPES)}")
    return _TORCH_DTYPES[name]


def to_torch(array: NDArray[Any]) -> torch.Tensor:
    """A tensor of its own memory."""
    array = np.array(array, order="C")
    if array.dtype == ml_dtypes.bfloat16:
        return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(array)


def to_numpy(tensor: torch.Tensor) -> NDArray[Any]:
    """An array of its own memory."""
    tensor = tensor.detach().cpu().contiguous()
    if tensor.dtype == torch.bfloat16:
        return np.array(tensor.view(torch.int16).numpy().view(ml_dtypes.bfloat16))
    return np.array(tensor.resolve_conj().resolve_neg().numpy())


def leaf_names(outputs: Any) -> tuple[str, ...]:
    """What the leaves of a nested value are called: by their keys, or ``output_0`` and so on."""
    paths = [path for path, _ in pytree.tree_flatten_with_path(outputs)[0]]
    names = tuple(_path_name(path) for path in paths)
    if len(set(names)) < len(names):
        return tuple(f"output_{index}" for index in range(len(names)))
    return names


def _path_name(path: Sequence[Any]) -> str:
    parts = [getattr(key, "key", getattr(key, "name", getattr(key, "idx", 0))) for key in path]
    if not any(isinstance(part, str) for part in parts):
        parts = ["output", *(parts or [0])]
    return "_".join(str(part) for part in parts)


def named_outputs(outputs: Any, names: Sequence[str]) -> dict[str, torch.Tensor]:
    """The tensors that a call gave, by *names* in order, or else by their own.

    Raises:
        ExportRefused: One is no tensor, or there are more or fewer than names.
    """
    leaves = pytree.tree_leaves(outputs)
    own = leaf_names(outputs)
    for name, leaf in zip(own, leaves, strict=True):
        if not isinstance(leaf, torch.Tensor):
            raise ExportRefused(
                f"output {name} is {type(leaf).__name__} and no tensor; return tensors only"
            )
    if names and len(names) != len(leaves):
        raise ExportRefused(
            f"{len(names)} output names for {len(leaves)} outputs: {', '.join(own)}"
        )
    return dict(zip(names or own, leaves, strict=True))


def as_arrays(outputs: Mapping[str, torch.Tensor]) -> dict[str, NDArray[Any]]:
    """The same on numpy's side."""
    return {name: to_numpy(tensor) for name, tensor in outputs.items()}


def example(shapes: Shapes, dtypes: Mapping[str, str], sizes: tuple[int, int]) -> Tensors:
    """Small seeded inputs; *sizes* are of free batch axes and of other free axes."""
    generator = np.random.default_rng(0)
    batch, length = sizes
    arrays = {}
    for name, shape in shapes.items():
        lengths = [
            (length if axis else batch) if size is None else size for axis, size in enumerate(shape)
        ]
        dtype = np.dtype(ml_dtypes.bfloat16 if dtypes[name] == "bfloat16" else dtypes[name])
        is_float = dtype.kind == "f" or dtypes[name] == "bfloat16"
        # Whole numbers are indices more often than not: 0 and 1 are in every table.
        numbers = generator.normal(size=lengths) if is_float else generator.integers(0, 2, lengths)
        arrays[name] = np.asarray(numbers).astype(dtype)
    return arrays


def find_outputs(
    call: Callable[[Tensors], Tensors], shapes: Shapes, dtypes: Mapping[str, str]
) -> tuple[Tensors, tuple[TensorSpec, ...]]:
    """Call a model with several sizes of its free axes and see what the outputs do.

    Returns:
        An example that the model takes, its free axes longer than one; and the outputs,
        with None for each axis that followed a free one.

    Raises:
        ExportRefused: It fails, or a free axis is not free.
    """
    first, (length, other) = _first_that_runs(call, shapes, dtypes)
    want = call(first)
    changes = []
    if any(shape[:1] == (None,) for shape in shapes.values()):
        changes += [("batch axis", (rows, length)) for rows in (_BATCH + 1, 1)]
    if any(None in shape[1:] for shape in shapes.values()):
        changes.append(("free axis", (_BATCH, other)))
    free: dict[str, set[int]] = {name: set() for name in want}
    for what, sizes in changes:
        try:
            got = call(example(shapes, dtypes, sizes))
        except ExportRefused as error:
            raise ExportRefused(
                f"the {what} is not free: {error}; give --shape with the one length it takes"
            ) from error
        for name, array in want.items():
            free[name] |= _changed_axes(name, array.shape, got[name].shape, what)
    return first, tuple(
        TensorSpec(
            name,
            str(array.dtype),
            tuple(None if axis in free[name] else size for axis, size in enumerate(array.shape)),
        )
        for name, array in want.items()
    )


def _changed_axes(
    name: str, before: tuple[int, ...], after: tuple[int, ...], what: str
) -> set[int]:
    if len(before) != len(after):
        raise ExportRefused(
            f"output {name} has {len(before)} axes, and {len(after)} with another length of the "
            f"{what}; a squeeze() without its axis does that"
        )
    return {axis for axis, (a, b) in enumerate(zip(before, after, strict=True)) if a != b}


def _first_that_runs(
    call: Callable[[Tensors], Tensors], shapes: Shapes, dtypes: Mapping[str, str]
) -> tuple[Tensors, tuple[int, int]]:
    failure: ExportRefused | None = None
    for lengths in _LENGTHS:
        inputs = example(shapes, dtypes, (_BATCH, lengths[0]))
        try:
            call(inputs)
        except ExportRefused as error:
            failure = failure or error
        else:
            return inputs, lengths
        if not any(None in shape[1:] for shape in shapes.values()):
            break
    assert failure is not None
    raise failure


@contextlib.contextmanager
def refusing(doing: str, remedy: str = "") -> Iterator[None]:
    """Raise ExportRefused for what PyTorch raises, in a few lines, and keep its chatter away."""
    previous = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    except ExportRefused:
        raise
    except Exception as error:  # PyTorch raises whatever its layers raise
        tail = f"; {remedy}" if remedy else ""
        raise ExportRefused(f"{doing}: {_in_short(error)}{tail}") from error
    finally:
        logging.disable(previous)


def _in_short(error: BaseException) -> str:
    """The innermost cause is what an author can mend; a page of graph dump is not."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:2])[:300] or type(error).__name__
