"""Which strokes of a drawing its digits hang on: the same digits that were read.  No HTTP here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from PIL import Image

from adapter.classify import Classifier, Ranked
from adapter.deadline import Deadline
from adapter.digits import cut_out, find_digits
from adapter.explain import Explanation, Question, Show, Shown, explain
from adapter.ink import Box
from adapter.number import read_number
from model_store.contract import ImageContract
from model_store.errors import EaselError
from model_store.images.ink import find_ink
from model_store.images.pixels import to_pixels
from model_store.images.placing import shown_part


def explain_number(
    classifier: Classifier, question: Question, deadline: Deadline
) -> tuple[Ranked, Explanation]:
    """The number, and one heat for each digit of it.

    Raises:
        EaselError: As ``read_number`` and ``explain`` do.
    """
    number = read_number(classifier, question.name, question.picture, deadline)
    show = _shown_digits(number.cut) if number.cut else None
    # By the version that read it: another might have been given other digits.
    pinned = replace(question, version=number.reading.model.number)
    return number.reading.predictions[0], explain(classifier, pinned, deadline, show)


def _shown_digits(boxes: Sequence[Box]) -> Show:
    def show(picture: Image.Image, contract: ImageContract) -> Sequence[Shown]:
        layout = find_digits(find_ink(picture, contract))
        if layout is None:
            raise EaselError("the digits that were read are not there any more")
        pieces = {layout.ink.to_pixels(piece.box): piece for piece in layout.pieces}
        cuts = (cut_out(layout, pieces[box], contract) for box in boxes)
        return tuple(
            Shown(
                to_pixels(cut.page, contract),
                shown_part(cut.page, contract).scaled(cut.scale).moved(cut.left, cut.top),
            )
            for cut in cuts
        )

    return show
