"""The adapter's pixels held against the author's own, on the samples that are pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.kinds import Kind
from export.pixels import compare_pixels, reference_tensors, with_answers
from export.references import NAMED, Reference, given_reference, made_reference, named_reference
from export.request import ExportRequest
from export.samples import pictures_in
from export.sources.source import Options, Source
from export.tensors import Tensors
from export.wire import Wire
from export.workshop.client import Environment, held_source
from model_store.contract import ImageContract
from model_store.preprocess import to_tensor

_FUNCTION = Kind("the author's preprocessing", "export.sources.reference", "reference")


def compared_pixels(request: ExportRequest, wire: Wire, source: Source) -> tuple[str, ...]:
    """What the comparison says, for people; nothing where there is no reference.

    Raises:
        ExportRefused: A picture or the reference cannot be read, or makes another shape.
    """
    contract, samples = request.contract, request.samples
    if contract is None or wire.prelude is None or not request.reference:
        return ()
    if samples is None or not samples.is_dir():
        return (f"preprocessing: not compared with {request.reference}; give --samples FOLDER",)
    pictures = pictures_in(samples)
    reference = find_reference(request, contract, samples, pictures)
    comparison = compare_pixels(pictures, contract, wire.prelude, reference)
    if not comparison.is_equal:
        ours = np.concatenate([to_tensor(path.read_bytes(), contract) for path in pictures])
        theirs = reference_tensors(pictures, reference, wire.prelude)
        answers = _scores(wire.reference(source)({wire.prelude.tensor: ours}))
        own = _scores(source.run(wire.signature, {wire.prelude.input: theirs}))
        if answers is not None and own is not None:
            comparison = with_answers(comparison, answers, own)
    return (f"preprocessing: {comparison}",)


def find_reference(
    request: ExportRequest, contract: ImageContract, samples: Path, pictures: tuple[Path, ...]
) -> Reference:
    """The author's own way: one with a name, arrays, or a function of theirs.

    Raises:
        ExportRefused: There is no such thing, or it is code and not trusted.
    """
    text = request.reference
    if text in NAMED:
        return named_reference(text, contract.size)
    if Path(text).exists():
        return given_reference(Path(text))
    if ":" not in text:
        return named_reference(text, contract.size)  # which says what there is
    options = Options(
        inputs=tuple(path.name for path in pictures),
        module=text,
        is_trusted=request.options.is_trusted,
    )
    environment = Environment(time_limit_s=request.time_limit_s)
    with held_source(_FUNCTION, samples, options, environment) as function:
        return made_reference(text, function.run("", {}))


def _scores(outputs: Tensors) -> NDArray[Any] | None:
    """The first output that is ``[N, K]``."""
    return next((output for output in outputs.values() if output.ndim == 2), None)
