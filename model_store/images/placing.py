"""Which part of a picture its tensor shows: the way back from a model's pixels to the picture's."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image, ImageOps

from model_store.contract import ImageContract
from model_store.images.fitting import shown_by_cut
from model_store.images.ink import find_ink, find_place


@dataclass(frozen=True, slots=True)
class Part:
    """A rectangle in a picture's pixels; it may reach beyond the picture, where the page is."""

    left: float
    top: float
    right: float
    bottom: float

    def scaled(self, by: float) -> Part:
        """The same of a picture that is so many times as large."""
        return Part(self.left * by, self.top * by, self.right * by, self.bottom * by)

    def moved(self, x: float, y: float) -> Part:
        """The same, *x* to the right and *y* down."""
        return Part(self.left + x, self.top + y, self.right + x, self.bottom + y)


def shown_part(picture: Image.Image, contract: ImageContract) -> Part:
    """What the tensor of a composed picture shows, from edge to edge.

    Raises:
        EmptyDrawing: The contract wants ink and there is none.
    """
    height, width = contract.size
    inked = find_ink(picture, contract)
    if inked is not None:
        small, box, at = find_place(inked, contract)
        return _around(box, small.size, at, (width, height))
    whole = (0, 0, *picture.size)
    if contract.fit == "stretch":
        return Part(*whole)
    if contract.short_side_px is not None:
        return Part(*shown_by_cut(picture.size, contract, contract.short_side_px))
    if contract.fit == "crop":
        across = min(picture.width, picture.height * width / height)
        along = min(picture.height, picture.width * height / width)
        left, top = (picture.width - across) / 2, (picture.height - along) / 2
        return Part(left, top, left + across, top + along)
    # Only the size is of interest: an empty picture has it too.
    small = ImageOps.contain(Image.new("1", picture.size), (width, height))
    at = ((width - small.width) // 2, (height - small.height) // 2)
    return _around(whole, small.size, at, (width, height))


def _around(
    box: tuple[int, int, int, int],
    small: tuple[int, int],
    at: tuple[int, int],
    size: tuple[int, int],
) -> Part:
    """Where a page of *size* ends on whose place *at* the *box* was put as *small* as it is."""
    across, along = (box[2] - box[0]) / small[0], (box[3] - box[1]) / small[1]
    left, top = box[0] - at[0] * across, box[1] - at[1] * along
    return Part(left, top, left + size[0] * across, top + size[1] * along)
