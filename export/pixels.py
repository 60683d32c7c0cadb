"""Whether the adapter will show a model the pictures that its author showed it.

The same files go the adapter's way and the author's own, and what the source's input would
be is compared number by number, in steps of an 8-bit pixel.  A difference is not a failure:
it is told, with what it does to the answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.graph.prelude import apply
from export.references import Reference
from export.sources.source import Prelude
from model_store.contract import ImageContract
from model_store.errors import ExportRefused, InvalidRequest
from model_store.preprocess import to_tensor

# Reference code may round in another order; half a step is the least that a pixel can show.
_DIFFERS = 0.5


@dataclass(frozen=True, slots=True)
class PixelComparison:
    """Our preprocessing held against the author's own, over all samples.

    Attributes:
        reference: Whose.
        samples: How many pictures.
        max_steps: Largest difference of a value, in steps of an 8-bit pixel.
        mean_steps: Mean difference.
        share_differing: Of the values, how many differ by more than half a step.
        worst_sample: File name of the picture with the largest mean difference.
        top1_agreement: Share of pictures for which the source answers the same either way;
            None if it was not asked.
    """

    reference: str
    samples: int
    max_steps: float
    mean_steps: float
    share_differing: float
    worst_sample: str
    top1_agreement: float | None = None

    @property
    def is_equal(self) -> bool:
        """Whether no value differs by more than half a step."""
        return self.share_differing == 0.0

    def __str__(self) -> str:
        if self.is_equal:
            return f"the same pixels as {self.reference} on {self.samples} pictures"
        answers = (
            ""
            if self.top1_agreement is None
            else f"; the same answer for {self.top1_agreement:.1%}"
        )
        return (
            f"{self.share_differing:.1%} of the values differ from {self.reference}, by "
            f"{self.mean_steps:.2f} steps of 255 on average and {self.max_steps:.0f} at most "
            f"({self.worst_sample} most){answers}"
        )

    def to_json(self) -> dict[str, Any]:
        """The object for ``parity.json``."""
        return {"is_equal": self.is_equal, **asdict(self)}


def compare_pixels(
    pictures: Sequence[Path], contract: ImageContract, prelude: Prelude, reference: Reference
) -> PixelComparison:
    """Prepare every picture both ways and compare.

    Args:
        pictures: Encoded pictures.
        contract: What the adapter obeys.
        prelude: What the graph does to its pixels.
        reference: The author's own way.

    Raises:
        ExportRefused: A picture or its reference cannot be read, or has another shape.
    """
    if not pictures:
        raise ExportRefused("there are no pictures to compare pixels on; add --samples FOLDER")
    differences = [
        np.abs(_ours(path, contract) - reference_pixels(path, contract, prelude, reference))
        for path in pictures
    ]
    means = [float(difference.mean()) for difference in differences]
    joined = np.stack(differences)
    return PixelComparison(
        reference=reference.title,
        samples=len(pictures),
        max_steps=float(joined.max()),
        mean_steps=float(joined.mean()),
        share_differing=float((joined > _DIFFERS).mean()),
        worst_sample=pictures[int(np.argmax(means))].name,
    )


def with_answers(
    comparison: PixelComparison, ours: NDArray[Any], theirs: NDArray[Any]
) -> PixelComparison:
    """Add what the difference does to the answers.

    Args:
        comparison: Of the pixels.
        ours: What the source gives for our tensors: ``[N, K]`` scores.
        theirs: What it gives for the reference's.
    """
    agreement = float((ours.argmax(axis=-1) == theirs.argmax(axis=-1)).mean())
    return replace(comparison, top1_agreement=agreement)


def reference_tensors(
    pictures: Sequence[Path], reference: Reference, prelude: Prelude
) -> NDArray[Any]:
    """The author's own tensors of all pictures, as the source takes them, for ``with_answers``."""
    return np.stack([_source_tensor(reference.tensor(path), prelude) for path in pictures])


def reference_pixels(
    path: Path, contract: ImageContract, prelude: Prelude, reference: Reference
) -> NDArray[np.float64]:
    """The author's own tensor of one picture in steps of a pixel: ``[height, width, channels]``."""
    tensor = reference.tensor(path)
    if tensor.ndim == 4 and len(tensor) == 1:
        tensor = tensor[0]
    is_pixels = tensor.dtype == np.uint8
    if prelude.is_channels_first and tensor.shape != contract.shape:
        tensor = np.moveaxis(tensor, 0, -1) if tensor.ndim == 3 else tensor
    if tensor.ndim == 2 and contract.shape[-1] == 1:
        tensor = tensor[..., np.newaxis]
    if tensor.shape != contract.shape:
        raise ExportRefused(
            f"the reference ({reference.title}) makes {list(tensor.shape)} of {path.name}, the "
            f"input contract {list(contract.shape)}; change --size, --mode or the reference"
        )
    numbers: NDArray[np.float64] = tensor.astype(np.float64)
    if not is_pixels:
        numbers = (numbers - np.asarray(prelude.offset)) / np.asarray(prelude.scale)
    return numbers


def _source_tensor(tensor: NDArray[Any], prelude: Prelude) -> NDArray[Any]:
    if tensor.ndim == 4 and len(tensor) == 1:
        tensor = tensor[0]
    return tensor if tensor.dtype != np.uint8 else apply(prelude, tensor[np.newaxis])[0]


def _ours(path: Path, contract: ImageContract) -> NDArray[np.float64]:
    try:
        return np.asarray(to_tensor(path.read_bytes(), contract)[0], np.float64)
    except (OSError, InvalidRequest) as error:
        raise ExportRefused(f"--samples {path}: {error}") from error
