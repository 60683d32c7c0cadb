"""Which parts of a picture a model's answer hangs on: occlusion.  Knows no HTTP and no gRPC.

A window of background goes over the model's own pixels, and what the score of the label
loses there is what the window hid.  Nothing is placed anew for that: a drawing whose ink is
centred would move when a part of it is gone.  Windows that hide nothing are not asked about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from adapter.asking import Asked
from adapter.classify import Classifier, Ranked, is_classifier, rank, scores_of
from adapter.deadline import Deadline
from model_store.contract import ImageContract
from model_store.errors import EaselError, InvalidRequest
from model_store.images.composing import compose
from model_store.images.decoding import decode_image
from model_store.images.pixels import UInt8, to_pixels
from model_store.images.placing import Part, shown_part
from model_store.spec import ModelVersion

# One call carries about so much, and one explanation at most so much.
_CALL_BYTES = 16 * 1024 * 1024
_MOST_BYTES = 128 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Shown:
    """Something that a model is shown: ``uint8[height, width, channels]``, and which part it is."""

    pixels: UInt8
    part: Part


@dataclass(frozen=True, slots=True)
class Heat:
    """What one answer hangs on.

    Attributes:
        best: The label that is explained, and its score with nothing hidden.
        part: The part of the picture that the grid divides.
        drops: By row and column, what the score loses when this cell is hidden:
            ``float64[rows, columns]``; below 0 where it gains.
    """

    best: Ranked
    part: Part
    drops: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Explanation:
    """What was explained, by which version, and the picture's width and height."""

    model: ModelVersion
    heats: tuple[Heat, ...]
    size: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be explained.

    Attributes:
        name: The model.
        picture: The encoded picture.
        grid: Rows and columns of cells.
        label: Which label; None for the best.
        version: Which version; None for the live one.
    """

    name: str
    picture: bytes
    grid: int
    label: str | None = None
    version: int | None = None


Show = Callable[[Image.Image, ImageContract], Sequence[Shown]]


@dataclass(frozen=True, slots=True)
class _Plan:
    """All rows to ask about.

    Attributes:
        size: Of the picture.
        shown: What is explained.
        windows: For each row which of *shown* it is, and the cell that is hidden; None for none.
        blank: What a window is filled with.
    """

    size: tuple[int, int]
    shown: Sequence[Shown]
    windows: tuple[tuple[int, tuple[int, int] | None], ...]
    blank: UInt8
    grid: int

    @property
    def rows_a_call(self) -> int:
        return max(1, _CALL_BYTES // self.shown[0].pixels.nbytes)

    def rows(self, start: int) -> UInt8:
        """The rows of the call that begins with row *start*."""
        chosen = self.windows[start : start + self.rows_a_call]
        return np.stack([self._row(which, cell) for which, cell in chosen])

    def _row(self, which: int, cell: tuple[int, int] | None) -> UInt8:
        pixels = self.shown[which].pixels
        if cell is None:
            return pixels
        hidden = pixels.copy()
        hidden[_window(cell, self.grid, pixels.shape)] = self.blank
        return hidden


def explain(
    classifier: Classifier, question: Question, deadline: Deadline, show: Show | None = None
) -> Explanation:
    """Explain what a model says of a picture, with as few calls as fit into messages.

    Args:
        classifier: Asks the model.
        question: What is to be explained.
        deadline: For all calls together.
        show: What the model is shown of a composed picture; None for the whole.

    Raises:
        InvalidRequest: The model gives no scores, has no such label, or its input is so large
            that a grid so fine would cost too much.
        EaselError: As ``Classifier.classify`` does.
    """
    plan: _Plan | None = None

    def to_batch(contract: ImageContract) -> UInt8:
        nonlocal plan
        with classifier.room.take(question.picture, deadline):
            picture = compose(decode_image(question.picture, classifier.room.limits), contract)
            plan = _planned(picture, (show or _whole)(picture, contract), contract, question.grid)
        return plan.rows(0)

    first = classifier.put(question.name, to_batch, deadline, question.version)
    if plan is None:  # an answer without a question
        raise EaselError("nothing was shown")
    scores = [_scores(first)]
    for start in range(plan.rows_a_call, len(plan.windows), plan.rows_a_call):
        batch = plan.rows(start)
        number = first.version.model.number
        scores.append(_scores(classifier.put(question.name, _always(batch), deadline, number)))
    heats = _heats(plan, np.concatenate(scores), first.version.labels, question.label)
    return Explanation(first.version.model, tuple(heats), plan.size)


def _always(batch: UInt8) -> Callable[[ImageContract], UInt8]:
    return lambda _: batch


def _scores(asked: Asked) -> NDArray[Any]:
    if not is_classifier(asked):
        name = asked.version.model.name
        raise InvalidRequest(f"{name} gives no scores of labels, so there is none to explain")
    return scores_of(asked)


def _whole(picture: Image.Image, contract: ImageContract) -> Sequence[Shown]:
    return (Shown(to_pixels(picture, contract), shown_part(picture, contract)),)


def _planned(
    picture: Image.Image, shown: Sequence[Shown], contract: ImageContract, grid: int
) -> _Plan:
    if grid > min(contract.size):
        raise InvalidRequest(f"grid must be at most {min(contract.size)} for this model")
    colour = np.array(contract.background, np.uint8)
    blank = 255 - colour if contract.invert else colour
    cells = [(row, column) for row in range(grid) for column in range(grid)]
    windows: list[tuple[int, tuple[int, int] | None]] = [(at, None) for at in range(len(shown))]
    for at, each in enumerate(shown):
        inked = (each.pixels != blank).any(axis=2)
        windows += [(at, c) for c in cells if inked[_window(c, grid, each.pixels.shape)].any()]
    if len(windows) * shown[0].pixels.nbytes > _MOST_BYTES:
        raise InvalidRequest(
            f"a grid of {grid} by {grid} costs too much for a model of {contract.size[1]}x"
            f"{contract.size[0]} pixels; choose a smaller grid"
        )
    return _Plan(picture.size, shown, tuple(windows), blank, grid)


def _window(cell: tuple[int, int], grid: int, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """The pixels of a cell, and half as many around it: whole strokes are hidden, not bits."""

    def along(at: int, length: int) -> slice:
        side = length / grid
        return slice(max(0, round((at - 0.5) * side)), min(length, round((at + 1.5) * side)))

    return along(cell[0], shape[0]), along(cell[1], shape[1])


def _heats(
    plan: _Plan, scores: NDArray[Any], labels: tuple[str, ...], label: str | None
) -> Iterator[Heat]:
    rows = list(zip(plan.windows, np.asarray(scores, np.float64), strict=True))
    for at, each in enumerate(plan.shown):
        ranked = rank(scores[at], labels)
        best = next((one for one in ranked if label in (None, one.label)), None)
        if best is None:
            raise InvalidRequest(f"the model has no class label {label!r}")
        index = labels.index(best.label) if labels else int(best.label)
        drops = np.zeros((plan.grid, plan.grid))
        for (which, cell), row in rows:
            if which == at and cell is not None:
                drops[cell] = best.score - row[index]
        yield Heat(best, each.part, drops)
